import type { Type } from '@nestjs/common';
import { featureKeys } from '#domain/capabilities/plans/features.events.js';
import { planIds, planIncludes, planNames } from '#domain/capabilities/plans/catalogue.decider.js';
import { DocsController } from '#api/http/docs.controller.js';
import { policyOf, type EndpointPolicy } from '#api/http/policy.js';
import { roles } from '#api/http/principal.js';
import { HealthController } from '#api/health/health.controller.js';
import { controllersOf } from './controllers.js';
import { table } from './pages.js';

/** Where NestJS keeps the address of a controller. */
const PATH = 'path';

export interface DeclaredEndpoint {
  readonly verb: string;
  /** Under `/v1`, without a slash at either end. */
  readonly path: string;
  readonly role: EndpointPolicy['role'];
  readonly feature: string | undefined;
}

/** The policies of every endpoint, as the controllers declare them. Hidden ones are left out. */
export async function declaredEndpoints(
  root: string,
  compiled: (source: string) => string,
): Promise<readonly DeclaredEndpoint[]> {
  const controllers = [HealthController, DocsController, ...(await controllersOf(root, compiled))];
  return controllers.flatMap(endpointsOf);
}

function endpointsOf(controller: Type<object>): readonly DeclaredEndpoint[] {
  const prefixes = [(Reflect.getMetadata(PATH, controller) ?? '') as string | readonly string[]].flat();
  const prototype = controller.prototype as Readonly<Record<string, object>>;
  return Object.getOwnPropertyNames(prototype).flatMap((name) => {
    const policy = name === 'constructor' ? undefined : policyOf(prototype[name] ?? {});
    if (policy === undefined || policy.hidden === true) return [];
    const { verb, role, feature } = policy;
    return prefixes.map((prefix) => {
      const parts = `${prefix}/${policy.path}`.split('/').filter((part) => part !== '');
      return { verb, path: parts.join('/'), role, feature };
    });
  });
}

const columns = ['public', ...roles] as const;

/** Which role may do what in each part of the API; each role may also do what the ones before it may. */
export function rolesTable(endpoints: readonly DeclaredEndpoint[]): string {
  const areas = [...new Set(endpoints.map(areaOf))].sort();
  const rows = areas.map((area) => {
    const mine = endpoints.filter((endpoint) => areaOf(endpoint) === area);
    const features = [...new Set(mine.flatMap(({ feature }) => feature ?? []))].sort();
    return [
      `\`${area}\``,
      ...columns.map((role) => verbsOf(mine.filter((endpoint) => endpoint.role === role))),
      features.map((feature) => `\`${feature}\``).join(', '),
    ];
  });
  return table(['Under `/v1`', 'anyone', ...roles, 'only with the feature'], rows);
}

/** Each feature with the plans that include it. */
export function plansTable(): string {
  const rows = featureKeys.map((feature) => [
    `\`${feature}\``,
    ...planIds.map((plan) => (planIncludes(plan, feature) ? 'yes' : 'no')),
  ]);
  return table(['Feature', ...planIds.map((plan) => planNames[plan])], rows);
}

/** The fixed part at the beginning of an address, two words long where the first says only whom it is for. */
function areaOf({ path }: DeclaredEndpoint): string {
  const parts = path.split('/');
  const fixed = parts.slice(0, ['admin', 'self-serve', 'ui'].includes(parts[0] ?? '') ? 2 : 1);
  return fixed.filter((part) => !part.startsWith(':')).join('/');
}

function verbsOf(endpoints: readonly DeclaredEndpoint[]): string {
  return [...new Set(endpoints.map(({ verb }) => verb))].sort().join(', ');
}
