import type { LogId, Position } from '#infra/event-log/event-log.js';

/**
 * Why nothing is signed. head-missing: the database is sealed, the head file is gone; head-foreign: the head is not
 * signed by this key; timeline: head and database disagree on acknowledged breaks; shorter: the database holds fewer
 * leaves than were signed; contradiction: its leaves give another root than was signed; log-shorter: the event log ends
 * before the last sealed event; log-changed: the event log differs from a sealed leaf; unreadable: an event does not parse.
 */
export type RefusalKind =
  | 'head-missing'
  | 'head-foreign'
  | 'timeline'
  | 'shorter'
  | 'contradiction'
  | 'log-shorter'
  | 'log-changed'
  | 'unreadable';

export interface Refusal {
  readonly kind: RefusalKind;
  readonly log: LogId;
  readonly message: string;
  /** Leaves that were signed, and leaves that were found. */
  readonly signedSize: number;
  readonly foundSize: number;
  /** The first place that is wrong, where it is known. */
  readonly position: Position | null;
}

/** The sealer does not sign a history that contradicts what it signed; an operator must look. */
export class LedgerRefused extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(`the ledger of the ${refusal.log} log refuses to sign: ${refusal.message}`);
    this.name = 'LedgerRefused';
    this.refusal = refusal;
  }
}

/** What an operator did; the caller appends it as an event, the ledger keeps a row of it. */
export interface Acknowledgement {
  readonly log: LogId;
  /** The timeline that begins; its checkpoints have the origin `<name>/t<timeline>`. */
  readonly timeline: number;
  readonly reason: string;
  readonly actor: string;
  /** The last checkpoint of the history given up. */
  readonly abandoned: string | null;
  readonly refusal: Refusal;
}
