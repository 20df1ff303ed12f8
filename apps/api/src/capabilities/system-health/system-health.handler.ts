import { componentStates } from './system-health.contract.js';
import type { ComponentHealth, ComponentState, SystemHealthView } from './system-health.contract.js';

/** What a check found; without a problem the component is well. */
export interface Finding {
  readonly figures: object;
  /** The worst first. */
  readonly problems?: readonly { readonly status: 'degraded' | 'error'; readonly text: string }[];
}

export interface ComponentCheck {
  readonly name: string;
  check(): Promise<Finding>;
}

export interface SystemHealthParts {
  readonly process: string;
  readonly checks: readonly ComponentCheck[];
  readonly onError: (error: unknown, component: string) => void;
  /** What a check may take; then the component is `unknown`. 700 ms by default. */
  readonly deadlineMs?: number;
  /** For how long an answer is given again; 2 s by default. */
  readonly cacheMs?: number;
}

/** Looks at every component at once. A check that hangs holds up neither the others nor the answer, and is not begun twice. */
export class SystemHealth {
  private readonly pending = new Map<string, Promise<ComponentHealth>>();
  private current: { readonly until: number; readonly view: Promise<SystemHealthView> } | undefined;

  constructor(private readonly parts: SystemHealthParts) {}

  view(): Promise<SystemHealthView> {
    const now = performance.now();
    if (this.current === undefined || this.current.until < now) {
      this.current = { until: now + (this.parts.cacheMs ?? 2_000), view: this.look() };
    }
    return this.current.view;
  }

  private async look(): Promise<SystemHealthView> {
    const components = await Promise.all(this.parts.checks.map((check) => this.bounded(check)));
    const rank: readonly ComponentState[] = ['error', 'degraded', 'unknown', 'ok'];
    const status = rank.find((state) => components.some((component) => component.status === state)) ?? 'ok';
    return { status, checked_at: new Date().toISOString(), process: this.parts.process, components };
  }

  private async bounded(check: ComponentCheck): Promise<ComponentHealth> {
    const { deadlineMs = 700 } = this.parts;
    const { name } = check;
    const found = this.pending.get(name) ?? this.found(check);
    this.pending.set(name, found);
    void found.then(() => this.pending.delete(name));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<ComponentHealth>((resolve) => {
      const problem = `It did not answer within ${deadlineMs} ms`;
      timer = setTimeout(() => resolve({ name, status: 'unknown', problem, figures: {} }), deadlineMs);
    });
    return Promise.race([found, late]).finally(() => clearTimeout(timer));
  }

  private async found(component: ComponentCheck): Promise<ComponentHealth> {
    const { name } = component;
    try {
      const { figures, problems = [] } = await component.check();
      const worst = problems.toSorted((a, b) => rankOf(b.status) - rankOf(a.status))[0];
      return { name, status: worst?.status ?? 'ok', problem: worst?.text ?? null, figures };
    } catch (error) {
      this.parts.onError(error, name);
      return { name, status: 'error', problem: 'It could not be asked; the log says why', figures: {} };
    }
  }
}

const rankOf = (state: ComponentState): number => componentStates.indexOf(state);

/** The problems that hold. */
export function problemsOf(
  rules: readonly (readonly [holds: boolean, status: 'degraded' | 'error', text: string])[],
): NonNullable<Finding['problems']> {
  return rules.flatMap(([holds, status, text]) => (holds ? [{ status, text }] : []));
}
