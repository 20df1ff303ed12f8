import type { Json } from '../../kernel/schema.js';

/** What can be done with what. A policy for any other pair is refused, for it would never be asked. */
export const pairs = {
  document: ['read', 'write', 'delete', 'reindex', 'manage'],
  corpus: ['read', 'write', 'run', 'manage'],
  run: ['read', 'write', 'delete'],
  audit: ['read'],
  ops: ['read', 'manage'],
  admin: ['read', 'manage'],
} as const;

/** What conditions may look at of each resource. All of it is known wherever a decision is asked for. */
export const known = {
  document: ['id', 'tenant_id', 'corpus_id', 'status', 'content_type', 'labels', 'metadata'],
  /** `corpus_id` is its id. */
  corpus: ['id', 'tenant_id', 'corpus_id'],
  /** A run, or a conversation, which is of the corpus that was asked last. */
  run: ['id', 'tenant_id', 'corpus_id'],
  audit: ['id', 'tenant_id'],
  ops: ['id', 'tenant_id'],
  admin: ['id', 'tenant_id'],
} as const satisfies Readonly<Record<keyof typeof pairs, readonly string[]>>;

export type ResourceType = keyof typeof pairs;
export type ActionOf<R extends ResourceType> = (typeof pairs)[R][number];
export type Action = ActionOf<ResourceType>;

/** A pair, as `document.read`. */
export type PairOf<R extends ResourceType> = { readonly [T in R]: `${T}.${ActionOf<T>}` }[R];
export type Pair = PairOf<ResourceType>;
/** What is said of a resource where a decision is asked for; its tenant is the caller's. */
export type ResourceOf<P extends Pair> = P extends `${infer R extends ResourceType}.${string}`
  ? { readonly [K in Exclude<(typeof known)[R][number], 'tenant_id'>]: Json }
  : never;
/** Of these the resource is the endpoint itself, or what its address names. */
export type EndpointPair = PairOf<'audit' | 'ops' | 'admin'>;

export const resourceTypes = Object.keys(pairs) as ResourceType[];
export const actions: readonly Action[] = [...new Set(resourceTypes.flatMap((type) => [...pairs[type]]))];

/** The least role that is asked at all, before any policy; some endpoints of a pair ask for more. */
export const leastRole = {
  'document.read': 'reader',
  'document.write': 'editor',
  'document.delete': 'editor',
  'document.reindex': 'editor',
  'document.manage': 'admin',
  'corpus.read': 'reader',
  'corpus.write': 'editor',
  'corpus.run': 'reader',
  'corpus.manage': 'editor',
  'run.read': 'reader',
  'run.write': 'reader',
  'run.delete': 'reader',
  'audit.read': 'admin',
  'ops.read': 'admin',
  'ops.manage': 'admin',
  'admin.read': 'admin',
  'admin.manage': 'admin',
} as const satisfies Readonly<Record<Pair, 'reader' | 'editor' | 'admin'>>;

/** The pairs that a policy is about; `*` stands for any. Empty: nobody ever asks for it. */
export function pairsOf(resourceType: string, action: string): readonly Pair[] {
  return resourceTypes
    .filter((type) => resourceType === '*' || resourceType === type)
    .flatMap((type) =>
      pairs[type].filter((each) => action === '*' || action === each).map((each) => `${type}.${each}` as Pair),
    );
}

/** The first variable of a resource that no resource of these pairs has; undefined: some resource has each. */
export function unknownOf(paths: readonly (readonly string[])[], of: readonly Pair[]): string | undefined {
  const names = new Set<string>(namesIn(of));
  return paths.find(([root, name = '']) => root === 'resource' && !names.has(name))?.join('.');
}

/** What conditions may look at of the resources of these pairs. */
export function namesIn(of: readonly Pair[]): readonly string[] {
  const types = resourceTypes.filter((type) => of.some((pair) => pair.startsWith(`${type}.`)));
  return [...new Set(types.flatMap((type) => [...known[type]]))];
}
