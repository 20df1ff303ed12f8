import { BlockList, isIP, isIPv6 } from 'node:net';
import type { CalledRoute, KeyScopes } from '#api/http/principal.js';

const RATE_CLASSES = new Set(['run', 'mutation', 'read', 'ops']);
const ROUTE = /^(?:GET|POST|PUT|PATCH|DELETE) \/v1(?:\/[A-Za-z0-9._:-]{1,64}){1,16}$/;

/** An address, or a network such as `10.0.0.0/8` or `2001:db8::/32`. */
export function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0 || address.includes('%')) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/** A rate class such as `run`, or an endpoint as its table names it, e.g. `GET /v1/documents/:documentId`. */
export function isRoute(text: string): boolean {
  return RATE_CLASSES.has(text) || ROUTE.test(text);
}

interface Compiled {
  readonly networks: BlockList | undefined;
  readonly routes: ReadonlySet<string> | undefined;
}

const compiled = new WeakMap<KeyScopes, Compiled>();

/** What of a request the scopes of its key do not allow; undefined when they allow all of it. */
export function outOfScope(
  scopes: KeyScopes,
  { verb, url, rate }: CalledRoute,
  ip: string,
): 'network' | 'route' | undefined {
  const { networks, routes } = compiledOf(scopes);
  if (networks !== undefined && !isInside(networks, ip)) return 'network';
  const named = routes === undefined || routes.has(rate) || routes.has(`${verb} ${url}`);
  return named ? undefined : 'route';
}

function isInside(networks: BlockList, ip: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1];
  if (mapped !== undefined) return networks.check(mapped, 'ipv4');
  return networks.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4');
}

function compiledOf(scopes: KeyScopes): Compiled {
  const known = compiled.get(scopes);
  if (known !== undefined) return known;
  const { networks, routes } = scopes;
  const made = {
    networks: networks === undefined ? undefined : listOf(networks),
    routes: routes === undefined ? undefined : new Set(routes),
  };
  compiled.set(scopes, made);
  return made;
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of networks.filter(isNetwork)) {
    const [address = '', bits] = text.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
