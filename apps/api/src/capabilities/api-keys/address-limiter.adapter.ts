import { isIPv6 } from 'node:net';
import type { SharedState, TakeResult } from '#infra/shared-state/shared-state.js';
import { FallbackBuckets } from '#infra/shared-state/fallback-take.js';

const REMEMBERED = 10_000;

/** How often an address may fail to prove who it is, over all processes; a process alone counts while the shared state is away. */
export class AddressLimiter {
  private readonly buckets: FallbackBuckets;
  /** Addresses over their limit, so that a flood asks nothing but memory. */
  private readonly blocked = new Map<string, number>();

  constructor(
    shared: SharedState,
    private readonly limit: { readonly ratePerSecond: number; readonly burst: number },
    private readonly now: () => number = Date.now,
  ) {
    this.buckets = new FallbackBuckets(shared);
  }

  /** Counts a failure. The milliseconds to wait when the address has failed too often, else undefined. */
  async fail(ip: string): Promise<number | undefined> {
    const network = networkOf(ip);
    const left = (this.blocked.get(network) ?? 0) - this.now();
    if (left > 0) return left;
    this.blocked.delete(network);
    const { results } = await this.buckets.take([{ key: `auth-failure:${network}`, ...this.limit }], 1);
    const [verdict] = results;
    return verdict === undefined || verdict.allowed ? undefined : this.block(network, verdict);
  }

  private block(network: string, { retryAfterMs }: TakeResult): number {
    const wait = Number.isFinite(retryAfterMs) ? Math.max(1, Math.ceil(retryAfterMs)) : 60_000;
    this.blocked.set(network, this.now() + wait);
    const oldest = this.blocked.keys().next().value;
    if (this.blocked.size > REMEMBERED && oldest !== undefined) this.blocked.delete(oldest);
    return wait;
  }
}

/** One host: an IPv4 address, or the /64 that a host of IPv6 may choose its addresses from. */
export function networkOf(ip: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(ip)) return ip;
  const [head = '', tail] = (ip.split('%', 1)[0] ?? ip).split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
