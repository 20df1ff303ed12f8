import type { Operation } from './operations.js';
import { codeOf } from './oracle.js';
import type { RawAnswer, RawConnection } from './raw-http.js';
import { bytesOf, type Draft } from './request.js';
import { draftOf, type Credential, type Request, type World } from './world.js';
import type { Things } from './things.js';

/** A request that succeeded, with who may make it. */
export interface Valid {
  readonly request: Request;
  readonly answer: RawAnswer;
}

const told = ({ status, text }: RawAnswer): string => `${status} ${text.slice(0, 400)}`;

/** Sends requests to a server, and fails on any answer that no endpoint may give, whatever the test is about. */
export class Probe {
  private readonly connection: RawConnection;
  /** Which of the credentials may use an operation. */
  private readonly entitled = new Map<Operation, number>();

  constructor(private readonly world: World) {
    this.connection = world.connection();
  }

  /** The answer to a request, which is one of those that the operation declares. */
  async ask(request: Request): Promise<RawAnswer> {
    return this.send(request.operation, draftOf(request));
  }

  async send(operation: Operation, draft: Draft): Promise<RawAnswer> {
    const answer = await this.connection.exchange(bytesOf(draft));
    if (answer === undefined) throw new Error(`${draft.method} ${draft.target} got no answer`);
    const { oracle } = this.world;
    const problems = oracle.problems(operation, draft.target, answer);
    if (problems.length > 0)
      throw new Error(`${draft.method} ${draft.target}: ${problems.join('; ')}: ${told(answer)}`);
    return answer;
  }

  /** The answer to something that is no request of an endpoint. */
  async sendAnywhere(draft: Draft): Promise<RawAnswer> {
    const answer = await this.connection.exchange(bytesOf(draft), { bodyless: draft.method === 'HEAD' });
    if (answer === undefined) throw new Error(`${draft.method} ${draft.target} got no answer`);
    const problems = this.world.oracle.problemsAnywhere(answer);
    if (problems.length > 0)
      throw new Error(`${draft.method} ${draft.target}: ${problems.join('; ')}: ${told(answer)}`);
    return answer;
  }

  /**
   * Makes a request that succeeds: by the tenant's admin, else by the platform's, else by the machine's operator. Throws when
   * all are refused, for then nothing that the other tests send says anything of this operation.
   */
  async valid(operation: Operation, of: Things, more: Partial<Request> = {}): Promise<Valid> {
    const made = await this.world.request(operation, of);
    const ownOnly = made.credential !== of.tenant.admin;
    const credentials = ownOnly ? [made.credential] : await this.world.credentials(of);
    const refused: string[] = [];
    for (let at = this.entitled.get(operation) ?? 0; at < credentials.length; at += 1) {
      const request = {
        ...made,
        credential: operation.policy.role === 'public' ? undefined : credentials[at],
        ...more,
        headers: [...made.headers, ...(more.headers ?? [])],
      };
      const answer = await this.ask(request);
      if (answer.status >= 200 && answer.status < 300) {
        this.entitled.set(operation, at);
        return { request, answer };
      }
      refused.push(told(answer));
      if (codeOf(answer) !== 'AUTH_FORBIDDEN') break;
    }
    throw new Error(
      `${operation.title}: no valid request could be made (${refused.join('; ')}): its examples and bounds in OpenAPI, ` +
        'test/surface/inputs.ts and test/surface/things.ts say what one is',
    );
  }

  /** Who may use an operation, once `valid` has found out. */
  async credential(operation: Operation, of: Things): Promise<Credential | undefined> {
    return (await this.world.credentials(of))[this.entitled.get(operation) ?? 0];
  }

  close(): void {
    this.connection.close();
  }
}
