import { Gathered } from '#infra/batching/gathered.js';

/** Most questions that one statement answers. */
const LARGEST = 16;

/** Something to look up, and what it must have in common with what is looked up with it. */
interface Lookup<T> {
  readonly item: T;
  readonly text: string;
  readonly shared: readonly unknown[];
}

/** Sends one statement for items that share its text and its values; gives the rows of each, in order. */
export type LookUp<T, R> = (text: string, shared: readonly unknown[], items: readonly T[]) => Promise<readonly R[]>;

/**
 * Questions that differ in nothing but what they ask, as those of one corpus and one caller do, go out in one statement: those that
 * come in one turn of the loop, or while such a statement is out. To start a statement costs the server as much as to answer a
 * question of a small corpus.
 */
export class SharedLookups<T, R> {
  private readonly groups = new Map<string, { readonly gathered: Gathered<Lookup<T>, R>; waiting: number }>();

  constructor(private readonly lookUp: LookUp<T, R>) {}

  async run(text: string, shared: readonly unknown[], item: T): Promise<R> {
    const key = `${JSON.stringify(shared)}${text}`;
    const group = this.groups.get(key) ?? { gathered: new Gathered(this.send, LARGEST), waiting: 0 };
    this.groups.set(key, group);
    group.waiting += 1;
    try {
      return await group.gathered.add({ item, text, shared });
    } finally {
      group.waiting -= 1;
      if (group.waiting === 0) this.groups.delete(key);
    }
  }

  private readonly send = (lookups: readonly Lookup<T>[]): Promise<readonly R[]> => {
    const [first] = lookups;
    if (first === undefined) return Promise.resolve([]);
    return this.lookUp(
      first.text,
      first.shared,
      lookups.map(({ item }) => item),
    );
  };
}
