import type { Fed } from './fed.js';
import { Hurry } from './hurry.js';

type OnProgress = (table: string, version: number, position: string) => void;

/** What this process knows of the positions of projections; shared by its runner and its waiters. */
export class ProgressHub {
  /** Whether somebody in this process waits for a position of a patient table, or of another. */
  readonly hurries = { patient: new Hurry(), prompt: new Hurry() };
  private readonly patientTables = new Set<string>();
  private readonly listeners = new Set<OnProgress>();

  notePatient(table: string): void {
    this.patientTables.add(table);
  }

  hurryOf(table: string): Hurry {
    return this.hurries[this.patientTables.has(table) ? 'patient' : 'prompt'];
  }

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
