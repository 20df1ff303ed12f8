import type { Fed } from './fed.js';

type OnProgress = (table: string, version: number, position: string) => void;

/** What this process knows of the positions of projections; shared by its runner and its waiters. */
export class ProgressHub {
  private readonly listeners = new Set<OnProgress>();

  /** Tells of a committed move of a served generation. */
  publish(fed: Fed, position: string): void {
    if (!fed.serving) return;
    for (const listener of this.listeners) listener(fed.key[0], fed.key[1], position);
  }

  /** Follows until the returned function is called. */
  subscribe(listener: OnProgress): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
