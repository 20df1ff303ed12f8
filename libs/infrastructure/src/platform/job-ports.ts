import { setTimeout as delay } from 'node:timers/promises';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { CommandPort, ContentPort, SubjectKeyPort } from '#domain/kernel/ports.js';
import type { Actor } from '#domain/kernel/events.js';
import { AccessRetention } from '#infra/access-log/access-retention.js';
import type { Config } from '#infra/config/config.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { derivedId } from '#infra/commands/ids.js';
import { personalAad } from '#infra/crypto/personal.js';
import { DocumentChunks } from '#infra/ingestion/document-chunks.js';
import { DocumentParser } from '#infra/parsing/document-parser.js';
import type { RetrievalIndex } from '#infra/retrieval/retrieval-index.js';
import type { Reembedding } from '#infra/retrieval/reembedding.js';
import type { BillingWebhook } from './external.js';
import { corpusDocumentsPort } from './corpus-documents.js';
import type { Platform } from './platform.js';

const SYSTEM: Actor = { type: 'system', id: 'jobs', role: null };

/** What job handlers may ask of the world; a job declares the part that it needs. */
export interface JobPorts {
  readonly content: ContentPort;
  readonly keys: SubjectKeyPort;
  readonly commands: CommandPort;
  readonly chunks: ReturnType<typeof chunkPort>;
  readonly reembedding: Reembedding;
  readonly corpora: { exists(tenantId: string, corpusId: string): Promise<boolean> };
  readonly corpusDocuments: ReturnType<typeof corpusDocumentsPort>;
  /** Opens text that an event holds sealed; null when its person was forgotten. */
  readonly personal: ReturnType<typeof personalPort>;
  readonly webhook: BillingWebhook;
  /** What is switched off by default. */
  readonly switches: Config['rollouts'];
  readonly accessLog: AccessRetention;
  readonly writeGate: { setFrozen(frozen: boolean): Promise<void> };
}

/** The ports over an open platform. */
export function jobPorts(platform: Platform): JobPorts {
  const { content, keys, path } = platform;
  const commands = commandPort(path);
  return {
    content,
    keys,
    personal: personalPort(platform),
    webhook: platform.billingWebhook,
    switches: platform.config.rollouts,
    writeGate: { setFrozen: (frozen) => setFrozen(platform, frozen) },
    accessLog: new AccessRetention({
      database: platform.database,
      projections: platform.registry.projectionsOf('access'),
      days: platform.config.audit.AUDIT_RETENTION_DAYS,
    }),
    chunks: chunkPort(platform),
    reembedding: platform.reembedding,
    commands,
    corpora: {
      exists: (tenantId, corpusId) => platform.options.corpora.exists(path, tenantId, corpusId),
    },
    corpusDocuments: corpusDocumentsPort(platform, commands),
  };
}

function commandPort(path: CommandPath): CommandPort {
  return {
    load: (decider, tenantId, streamId) => path.load(decider, tenantId, streamId),
    run: async (decider, tenantId, streamId, command, commandId) => {
      await path.run(decider, streamId, command, {
        tenantId,
        actor: SYSTEM,
        now: new Date().toISOString(),
        commandId: derivedId(commandId, 'command'),
        newId: derivedId(commandId, 'new'),
        requestId: null,
      });
    },
  };
}

async function setFrozen({ log }: Platform, frozen: boolean): Promise<void> {
  const { epoch, frozen: stands } = await log.writerControl();
  if (stands !== frozen) await log.setWriterControl({ epoch, frozen });
}

function personalPort({ sealer }: Platform) {
  return {
    open: async (sealed: { tenantId: string; stream: string; field: string; text: string }): Promise<string | null> => {
      const { tenantId, stream, field, text } = sealed;
      const [clear] = await sealer.openMany(tenantId, [{ sealed: text, aad: personalAad(stream, field) }]);
      return clear ?? null;
    },
  };
}

/** How long a read model may stay behind before a replaced version is left to the sweep. */
const RETIRE_WAIT_MS = 5_000;

function chunkPort(platform: Platform) {
  const { index, database, options } = platform;
  const chunks = new DocumentChunks({
    content: platform.content,
    index,
    parser: parserOf(platform.config),
  });
  const shown = `select 1 from ${options.documentsView} where tenant_id = $1 and id = $2 and index_version = $3`;
  return {
    retired: async (tenantId: string, documentId: string, versionId: string): Promise<boolean> => {
      const deadline = Date.now() + RETIRE_WAIT_MS;
      for (;;) {
        const rows = await database.query(shown, [tenantId, documentId, versionId]);
        if (rows.length === 0 || Date.now() > deadline) return rows.length === 0;
        await delay(20);
      }
    },
    index: (...given: Parameters<DocumentChunks['index']>) => chunks.index(...given),
    tidy: (tenantId: string, corpusId: string) => index.tidy(tenantId, corpusId),
    describe: (tenantId: string, documentId: string, metadata: JsonObject) =>
      index.describe(tenantId, documentId, metadata),
    sweep: (isCurrent: Parameters<RetrievalIndex['sweep']>[0]): Promise<number> => index.sweep(isCurrent),
    versionsOf: (tenantId: string, documentId: string) => index.versionsOf(tenantId, documentId),
    dropVersion: (tenantId: string, documentId: string, versionId: string) =>
      index.dropVersion(tenantId, documentId, versionId),
  };
}

function parserOf({ ingest }: Config): DocumentParser {
  return new DocumentParser({
    timeoutMs: ingest.INGEST_PARSE_TIMEOUT_SECONDS * 1_000,
    memoryMb: ingest.INGEST_PARSE_MEMORY_MB,
    maxPages: ingest.INGEST_MAX_PAGES,
    maxCharacters: ingest.INGEST_MAX_TEXT_CHARACTERS,
    maxUnpacked: ingest.INGEST_MAX_UNPACKED_BYTES,
  });
}
