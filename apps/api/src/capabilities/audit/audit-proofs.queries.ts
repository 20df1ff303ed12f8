import { Injectable } from '@nestjs/common';
import { auditErrors } from '#domain/capabilities/audit/audit.projection.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { NotSealed } from '#infra/ledger/proofs.js';
import type { Ledger } from '#infra/platform/ledger.js';
import type { CheckpointView, ConsistencyProofView, ConsistencyQuery, InclusionProofView } from './audit.contract.js';

type LogName = 'domain' | 'access';

/** The proofs that both logs hold what they held. */
@Injectable()
export class AuditProofs {
  constructor(private readonly ledgers: Readonly<Record<LogName, Ledger>>) {}

  async checkpoint(log: LogName): Promise<CheckpointView> {
    const { proofs, sealer } = this.ledgers[log];
    const { note, size, root, createdAt } = await sealed(proofs.latestCheckpoint());
    const { vkey } = sealer;
    return { checkpoint: note, size, root: Buffer.from(root).toString('base64'), vkey, created_at: createdAt };
  }

  /** Of an event that the caller may see. */
  async inclusion(eventId: string, log: LogName): Promise<InclusionProofView> {
    const proof = this.ledgers[log].proofs.inclusionProof({ eventId });
    const { index, leaf, path, checkpoint, text } = await sealed(proof);
    return { index, leaf, path, checkpoint, text };
  }

  consistency({ log, from, to }: ConsistencyQuery): Promise<ConsistencyProofView> {
    return sealed(this.ledgers[log].proofs.consistencyProof(from, to));
  }
}

async function sealed<T>(proof: Promise<T>): Promise<T> {
  try {
    return await proof;
  } catch (error) {
    if (error instanceof NotSealed) throw new CatalogueError(auditErrors.notSealed, undefined, { cause: error });
    throw error;
  }
}
