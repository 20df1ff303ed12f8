/** What a key may be used for beyond its role; an absent list allows all. */
export interface KeyScopes {
  readonly corpora?: readonly string[];
  readonly networks?: readonly string[];
  readonly routes?: readonly string[];
}

const dimensions = ['corpora', 'networks', 'routes'] as const;

/** The scopes with their lists sorted and without repeats; null when they limit nothing. */
export function normalScopes(scopes: KeyScopes | null | undefined): KeyScopes | null {
  if (scopes === null || scopes === undefined) return null;
  const lists = dimensions.flatMap((name) => {
    const list = scopes[name];
    return list === undefined ? [] : [[name, [...new Set(list)].sort()] as const];
  });
  return lists.length === 0 ? null : Object.fromEntries(lists);
}

/** Whether scopes allow nothing that `limit` does not: a limited key makes no key that may do more than itself. */
export function areWithin(scopes: KeyScopes | null | undefined, limit: KeyScopes | null | undefined): boolean {
  return dimensions.every((name) => {
    const allowed = limit?.[name];
    if (allowed === undefined) return true;
    return scopes?.[name]?.every((one) => allowed.includes(one)) === true;
  });
}

/** Whether two scopes, as `normalScopes` gives them, are the same. */
export function areSame(one: KeyScopes | null, other: KeyScopes | null): boolean {
  const text = (scopes: KeyScopes | null): string => JSON.stringify(dimensions.map((name) => scopes?.[name] ?? null));
  return text(one) === text(other);
}
