import type { Position } from '#infra/event-log/event-log.js';

/**
 * The first thing that is wrong. event-changed, -deleted, -added: the log against the leaves; event-unreadable: bytes that
 * do not parse; revision-gap and position-gap: holes in a stream or a gapless log; leaf-changed, leaf-missing,
 * tile-changed: the ledger's own tables; checkpoint-forged: a stored checkpoint without our signature;
 * checkpoint-contradicted and head-contradicted: leaves and log agree, but not with what was signed; head-missing.
 */
export type FindingKind =
  | 'event-changed'
  | 'event-deleted'
  | 'event-added'
  | 'event-unreadable'
  | 'revision-gap'
  | 'position-gap'
  | 'leaf-changed'
  | 'leaf-missing'
  | 'tile-changed'
  | 'checkpoint-forged'
  | 'checkpoint-contradicted'
  | 'head-contradicted'
  | 'head-missing';

export interface Finding {
  readonly kind: FindingKind;
  readonly message: string;
  /** 0-based place in the tree; the true place lies in [from, index] where whole spans were rewritten. */
  readonly index: number;
  readonly from: number;
  readonly position: Position | null;
}

/** Carries a finding out of a scan. */
export class Found extends Error {
  readonly finding: Finding;
  constructor(kind: FindingKind, message: string, index: number, position: Position | null, from = index) {
    super(message);
    this.finding = { kind, message, index, from, position };
  }
}
