/** What can be done with what. A policy for any other pair is refused, for it would never be asked. */
export const pairs = {
  document: ['read', 'write', 'delete', 'reindex', 'manage'],
  corpus: ['read', 'write', 'run', 'manage'],
  run: ['read', 'write', 'delete'],
  audit: ['read'],
  ops: ['read', 'manage'],
  admin: ['read', 'manage'],
} as const;

export type ResourceType = keyof typeof pairs;
export type ActionOf<R extends ResourceType> = (typeof pairs)[R][number];
export type Action = ActionOf<ResourceType>;

/** A pair, as `document.read`. */
export type Pair = { readonly [R in ResourceType]: `${R}.${ActionOf<R>}` }[ResourceType];

export const resourceTypes = Object.keys(pairs) as ResourceType[];
export const actions: readonly Action[] = [...new Set(resourceTypes.flatMap((type) => [...pairs[type]]))];

/** The pairs that a policy is about; `*` stands for any. Empty: nobody ever asks for it. */
export function pairsOf(resourceType: string, action: string): readonly Pair[] {
  return resourceTypes
    .filter((type) => resourceType === '*' || resourceType === type)
    .flatMap((type) =>
      pairs[type].filter((each) => action === '*' || action === each).map((each) => `${type}.${each}` as Pair),
    );
}
