/** What happens to one append, in the order in which they were asked for. */
export type AppendFault =
  /** The connection breaks before anything is stored. */
  | 'drop-before'
  /** It is stored, and the connection breaks before the answer. */
  | 'drop-after'
  /** Nothing is stored and no answer comes. */
  | 'silent-before'
  /** It is stored and no answer comes. */
  | 'silent-after'
  /** The node answers UNAVAILABLE and stores nothing. */
  | 'unavailable'
  /** It is stored, and the node shuts down the call with CANCELLED. */
  | 'cancelled-after'
  /** It is stored, and an INTERNAL error comes back. */
  | 'unknown-after'
  /** It is stored and the answer names no position. */
  | 'no-position'
  /** It is stored and the answer names the position of the first event. */
  | 'first-position'
  | 'access-denied'
  | 'too-large'
  /** The node calls an append of its own events a conflict, as one that forgot their ids. */
  | 'forgetful'
  /** It is stored, and the answer comes after so many milliseconds. */
  | { readonly lateMs: number };

/** The switches of a stand-in; all off, it behaves as the server does. */
export class Faults {
  /** Taken one by one by the appends that come, the writer control's apart. */
  readonly appends: AppendFault[] = [];
  /** Every call is refused with UNAVAILABLE. */
  unavailable = false;
  /** Every call is refused for its credentials. */
  denied = false;
  /** Subscriptions hear nothing more, and nobody tells them. */
  silentSubscriptions = false;
  /** Subscriptions never hear that they caught up, as from servers before 23.10. */
  withoutCaughtUp = false;
  /** Subscriptions bring every event twice, and the one that they start after once more. */
  duplicates = false;
  /** Subscriptions bring checkpoints that lie: ahead of their events, and at the end of the world. */
  strayCheckpoints = false;
  /** Pause between two events of any read. */
  readPauseMs = 0;
  /** A read breaks off with UNAVAILABLE after so many events, once. */
  breakReadAfter: number | undefined;
  /** Largest append in bytes. */
  maxAppendBytes = 8 * 1024 * 1024;
}
