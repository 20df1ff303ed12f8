import { TestClient } from '#test/support/client.js';
import type { Operation } from '#test/surface/operations.js';
import { codeOf } from '#test/surface/oracle.js';
import type { RawAnswer, RawConnection } from '#test/surface/raw-http.js';
import type { Things } from '#test/surface/things.js';
import type { Credential, Request, World } from '#test/surface/world.js';
import { otherCredential, spoilt, untouched, type Case } from './cases.js';
import { texts } from './hostile.js';
import { heapUsed } from './memory.js';
import { Random } from './random.js';
import { Victim } from './victim.js';

export interface FuzzOptions {
  readonly requests: number;
  readonly seed: number;
  /** Connections at a time. */
  readonly lanes?: number;
  /** Sends only this one. */
  readonly only?: number;
  readonly onProgress?: (done: number, findings: number) => void;
}

/** Something that no answer may be, and how to send it again. */
export interface Finding {
  readonly at: number;
  readonly request: string;
  readonly problem: string;
}

export interface FuzzReport {
  readonly requests: number;
  readonly findings: readonly Finding[];
  /** How often each status came. */
  readonly statuses: ReadonlyMap<string, number>;
  /** Operations that answered a success at least once. */
  readonly reached: ReadonlySet<string>;
  /** Bytes of the heap after a forced collection, when each fifth was sent; the first of them is the warm-up. */
  readonly heap: readonly number[];
  readonly seconds: number;
}

/** So often the tenant is left with what was done to it, and another one begins. */
const EPOCH = 300;

/** On a machine that is busy with the fuzzer itself, a refusal may be answered before it is on record; that is told, and no fault. */
const SLOW = /was not stored before its answer/;

interface Attacker {
  readonly things: Things;
  /** Requests that are valid for it, made once. */
  readonly valid: Map<Operation, Promise<Request>>;
  used: number;
}

/** Sends requests that follow from a seed and our own OpenAPI, and looks at each answer. */
export class Fuzzer {
  private readonly findings: Finding[] = [];
  private readonly statuses = new Map<string, number>();
  private readonly reached = new Set<string>();
  private next = 0;
  private attacker: Promise<Attacker> | undefined;

  private constructor(
    private readonly world: World,
    private readonly victim: Victim,
    private readonly options: FuzzOptions,
  ) {}

  static async run(world: World, options: FuzzOptions): Promise<FuzzReport> {
    const victim = await Victim.settle(world);
    return new Fuzzer(world, victim, options).all();
  }

  private async all(): Promise<FuzzReport> {
    const { requests, only, lanes = 4 } = this.options;
    const started = performance.now();
    const heap: number[] = [];
    if (only === undefined) {
      for (let fifth = 1; fifth <= 5; fifth += 1) {
        await this.until(Math.floor((requests * fifth) / 5), lanes);
        heap.push(await heapUsed());
      }
    } else {
      this.next = only;
      await this.until(only + 1, 1);
    }
    const { findings, statuses, reached } = this;
    const seconds = (performance.now() - started) / 1_000;
    return { requests: this.next, findings, statuses, reached, heap, seconds };
  }

  private async until(end: number, lanes: number): Promise<void> {
    const lane = async (): Promise<void> => {
      const connection = this.world.connection();
      while (this.next < end) {
        const at = this.next;
        this.next += 1;
        await this.one(at, connection);
        this.readLog(at);
        if (this.next % 1_000 === 0) this.options.onProgress?.(this.next, this.findings.length);
      }
      connection.close();
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  private async one(at: number, connection: RawConnection): Promise<void> {
    const random = new Random(this.options.seed, at);
    const { operations } = this.world;
    const operation = operations[(at + random.below(3)) % operations.length];
    if (operation === undefined) return;
    const request = await this.requestOf(random, operation);
    const made = this.caseOf(random, request, operation);
    const answer = await connection.exchange(made.bytes, { bodyless: made.draft.method === 'HEAD', streamIdleMs: 100 });
    this.judge(at, operation, made, answer, request.credential);
  }

  private async requestOf(random: Random, operation: Operation, tries = 3): Promise<Request> {
    const current = this.currentAttacker();
    const { things, valid } = await current;
    const known = valid.get(operation) ?? this.world.request(operation, things);
    valid.set(operation, known);
    try {
      const { admin, editor } = things.tenant;
      const own = random.chance(0.15) ? random.pick([admin, editor, this.world.operators.tenant.admin]) : admin;
      const fitting = operation.policy.role === 'public' ? undefined : own;
      return { ...(await known), credential: otherCredential(random, fitting) };
    } catch (error) {
      // What was sent before may have taken from the tenant what it needs: its quota, its key, its plan.
      if (tries === 0) throw error;
      if (this.attacker === current) this.attacker = undefined;
      return this.requestOf(random, operation, tries - 1);
    }
  }

  private caseOf(random: Random, request: Request, operation: Operation): Case {
    if (random.chance(0.12)) return untouched(request);
    const params = Object.fromEntries(
      operation.pathParams.map((name) => [name, this.idFor(random, request, operation, name)]),
    );
    return spoilt(random, request, params);
  }

  /** A tenant's own id, the victim's, or no id at all. */
  private idFor(random: Random, request: Request, operation: Operation, name: string): string {
    const share = random.next();
    if (share < 0.55) return request.params[name] ?? '';
    return share < 0.75 && !this.ofPlatform(request.credential)
      ? this.victim.idFor(operation, name)
      : random.pick(texts);
  }

  private ofPlatform(credential: Credential | undefined): boolean {
    return credential === this.world.operators.tenant.admin;
  }

  /** A tenant that lets requests through; a new one when this one was used up, or has locked itself out. */
  private currentAttacker(): Promise<Attacker> {
    this.attacker ??= (async () => ({ things: await this.world.tenant(), valid: new Map(), used: 0 }))();
    const current = this.attacker;
    void current.then((attacker) => {
      attacker.used += 1;
      if (attacker.used === EPOCH && this.attacker === current) this.attacker = undefined;
    });
    return current;
  }

  private judge(
    at: number,
    operation: Operation,
    made: Case,
    answer: RawAnswer | undefined,
    by: Credential | undefined,
  ): void {
    const { draft } = made;
    const found = (problem: string): void => {
      const body = draft.body?.subarray(0, 400).toString('utf8') ?? '';
      const sent = draft.headers.filter(([name]) => name !== 'authorization').slice(0, 12);
      const request = `${draft.method} ${draft.target.slice(0, 300)} ${JSON.stringify(sent).slice(0, 600)} ${body}`;
      this.findings.push({ at, request, problem });
    };
    if (answer === undefined) {
      this.count('no answer');
      if (draft.method !== 'CONNECT') found('no answer at all');
      return;
    }
    this.count(`${answer.status} ${codeOf(answer) ?? ''}`.trim());
    if (answer.status < 300) this.reached.add(operation.title);
    if ((answer.status === 401 || answer.status === 402) && by instanceof TestClient) this.attacker = undefined;
    const { oracle } = this.world;
    for (const problem of oracle.problemsAt(draft.method, draft.target, answer)) found(problem);
    for (const canary of this.victim.canaries)
      if (answer.text.includes(canary) && !this.ofPlatform(by)) found(`holds what the victim keeps: ${canary}`);
  }

  /** What the server wrote since the last look: no secret, nobody's text, no fault. */
  private readLog(at: number): void {
    const { lines, answerer } = this.world.server;
    answerer.asked.length = 0;
    for (const line of (lines as string[]).splice(0)) {
      const secret = this.world.oracle.secretIn(line) ?? [...this.victim.canaries].find((each) => line.includes(each));
      if (secret !== undefined)
        this.findings.push({ at, request: line.slice(0, 600), problem: `the log holds ${secret}` });
      if (/"level":"(?:error|fatal)"/.test(line) && !SLOW.test(line))
        this.findings.push({ at, request: line.slice(0, 1_500), problem: 'a fault in the log' });
    }
  }

  private count(status: string): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
  }
}
