import type { UsageEvent } from '#domain/capabilities/usage/usage.events.js';
import { newId } from '#infra/commands/ids.js';
import type { RateClass } from '#api/http/policy.js';

type Recorded = Extract<UsageEvent, { type: 'UsageRecorded' }>['data'];

/** One event to store: what one tenant used in one minute. The id stays the same at every try. */
export interface UsageRecord {
  readonly id: string;
  readonly tenantId: string;
  readonly data: Recorded;
}

export interface Served {
  readonly tenantId: string;
  readonly rateClass: Exclude<RateClass, 'none'>;
  /** `VERB /v1/pattern`. */
  readonly route: string;
  readonly units: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

class Sums {
  private readonly sums = new Map<string, { name: string; requests: number; units: number }>();

  add(name: string, requests: number, units: number): void {
    const known = this.sums.get(name);
    if (known === undefined) this.sums.set(name, { name, requests, units });
    else {
      known.requests += requests;
      known.units += units;
    }
  }

  list(): Recorded['byClass'] {
    return [...this.sums.values()];
  }
}

interface Minute {
  readonly tenantId: string;
  readonly at: number;
  requests: number;
  units: number;
  readonly byClass: Sums;
  readonly byRoute: Sums;
}

const MINUTE_MS = 60_000;

/** Requests summed by tenant and minute until they are taken to be stored. */
export class UsageRollup {
  private readonly tenants = new Map<string, Map<number, Minute>>();

  constructor(private readonly process: string) {}

  add({ tenantId, rateClass, route, units, at }: Served): void {
    const minute = this.minuteOf(tenantId, Math.floor(at / MINUTE_MS));
    minute.requests += 1;
    minute.units += units;
    minute.byClass.add(rateClass, 1, units);
    minute.byRoute.add(route, 1, units);
  }

  /** All that waits, of one tenant or of every one, oldest minute first. */
  take(tenantId?: string): readonly UsageRecord[] {
    const taken = tenantId === undefined ? [...this.tenants.keys()] : [tenantId];
    const minutes = taken.flatMap((tenant) => [...(this.tenants.get(tenant)?.values() ?? [])]);
    for (const tenant of taken) this.tenants.delete(tenant);
    return minutes.sort((a, b) => a.at - b.at).map((minute) => this.recordOf(minute));
  }

  private recordOf({ tenantId, at, requests, units, byClass, byRoute }: Minute): UsageRecord {
    const minute = new Date(at * MINUTE_MS).toISOString();
    const data = { process: this.process, minute, requests, units, byClass: byClass.list(), byRoute: byRoute.list() };
    return { id: newId(), tenantId, data };
  }

  private minuteOf(tenantId: string, at: number): Minute {
    const minutes = this.tenants.get(tenantId) ?? new Map<number, Minute>();
    this.tenants.set(tenantId, minutes);
    const known = minutes.get(at);
    if (known !== undefined) return known;
    const minute = { tenantId, at, requests: 0, units: 0, byClass: new Sums(), byRoute: new Sums() };
    minutes.set(at, minute);
    return minute;
  }
}
