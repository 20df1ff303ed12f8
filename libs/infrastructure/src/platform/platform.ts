import { hostname } from 'node:os';
import { randomUUID } from 'node:crypto';
import type { EmbeddingChoice } from '#domain/kernel/embedding.js';
import type { Capability } from '#domain/kernel/capability.js';
import type { AnyJob } from '#domain/kernel/job.js';
import type { CommandPort } from '#domain/kernel/ports.js';
import type { Embedders } from '#infra/adapters/embedding/embedders.js';
import { CommandPath } from '#infra/commands/command-path.js';
import type { Config } from '#infra/config/config.js';
import type { ContentStore, KeyStore, Sealer as TextSealer } from '#infra/content/content-store.js';
import { PostgresContentStore } from '#infra/content/postgres-content-store.js';
import { sealPersonal } from '#infra/crypto/personal.js';
import { KeySealer } from '#infra/crypto/sealer.js';
import type { Database } from '#infra/database/database.js';
import type { EventLog, LogId } from '#infra/event-log/event-log.js';
import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import { IdempotencyStore } from '#infra/idempotency/idempotency-store.js';
import { ProgressHub } from '#infra/projections/progress.js';
import { CapabilityRegistry } from '#infra/projections/registry.js';
import type { WaitTarget } from '#infra/projections/waiter.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import { RecordedStreams } from '#infra/recorded-streams/recorded-streams.js';
import type { Reembedding } from '#infra/retrieval/reembedding.js';
import type { CorpusEmbeddings } from '#infra/retrieval/corpus-embeddings.js';
import type { RetrievalIndex } from '#infra/retrieval/retrieval-index.js';
import type { TextThread } from '#infra/retrieval/text-thread.js';
import type { Retriever } from '#infra/retrieval/retriever.js';
import type { VectorIndexes } from '#infra/retrieval/vector-indexes.js';
import type { RetrievalRouter } from '#infra/retrieval/retrieval-router.js';
import type { Outbound } from '#infra/shared-state/outbound.js';
import type { SharedState } from '#infra/shared-state/shared-state.js';
import type { LogSignals } from '#infra/event-log/log-signals.js';
import type { Answerer } from '#infra/adapters/llm/answerer.js';
import { openRetrieval } from './retrieval-parts.js';
import { openDomainLog, type DomainLog } from './domain-log.js';
import { openRouter } from './retrieval.js';
import type { BreakerNote, BreakerRecorder } from './breaker-recorder.js';
import { openBillingWebhook, openOutbound, type BillingWebhook } from './external.js';
import { openAnswerer } from './models.js';
import { openStores, type StartLog, type Stores } from './stores.js';

export interface PlatformOptions {
  readonly config: Config;
  readonly capabilities: readonly Capability[];
  /** The view that says which version of which document answers questions, e.g. `read.documents_v1`. */
  readonly documentsView: string;
  /** Where it stands which model each corpus has chosen. */
  readonly corpora: CorporaSource;
  /** Appends the event of a breaker's change; the same command id again changes nothing. */
  readonly recordBreaker: (path: CommandPath, note: BreakerNote) => Promise<unknown>;
  readonly log: StartLog;
  /** Jobs that whoever composes the process adds to those of the capabilities. */
  readonly jobs?: (platform: Platform) => readonly AnyJob[];
  /** Told of what went wrong in the background. */
  readonly onProblem: (error: unknown, where: string) => void;
  /** Called at named steps of a command; tests end the process there. */
  readonly onStep?: (step: string) => Promise<void> | void;
}

export interface CorporaSource {
  /** A read model with the chosen embedding of each corpus, e.g. `read.corpora_v2`. */
  readonly view: string;
  /** The read model behind `documentsView`. */
  readonly documents: WaitTarget;
  /** Rejects for a corpus that is not there. */
  readonly embedding: (path: CommandPath, tenantId: string, corpusId: string) => Promise<EmbeddingChoice | null>;
  readonly exists: (path: CommandPath, tenantId: string, corpusId: string) => Promise<boolean>;
  /** Deletes a document whose corpus is gone; one that is gone itself is left alone. */
  readonly removeDocument: (
    commands: CommandPort,
    place: { readonly tenantId: string; readonly documentId: string },
    commandId: string,
  ) => Promise<void>;
}

/** Everything that the roles of a process share: stores, log, command path, read models, retrieval. */
export class Platform {
  readonly processId = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
  readonly config: Config;
  /** The domain log. */
  readonly log: EventLog;
  /** Who came, who was refused and who looked; in the database, whatever holds the domain log. */
  readonly accessLog: EventLog;
  readonly logs: Readonly<Record<LogId, EventLog>>;
  /** What its subscriptions went through; nothing happens to those of the Postgres log. */
  readonly logSignals: LogSignals;
  readonly registry: CapabilityRegistry;
  readonly database: Database;
  readonly keys: KeyStore;
  readonly shared: SharedState;
  readonly content: ContentStore;
  readonly sealer: TextSealer;
  readonly path: CommandPath;
  readonly streams: RecordedStreams;
  readonly embedders: Embedders;
  private readonly texts: TextThread;
  readonly index: RetrievalIndex;
  readonly vectorIndexes: VectorIndexes;
  /** The model of each corpus. */
  readonly embeddings: CorpusEmbeddings;
  readonly reembedding: Reembedding;
  /** Our own index; what a corpus names is asked through `retrieval`. */
  readonly search: Retriever;
  readonly retrieval: RetrievalRouter;
  readonly idempotency: IdempotencyStore;
  /** The one way to other services. */
  readonly outbound: Outbound;
  readonly billingWebhook: BillingWebhook;
  private readonly breakers: BreakerRecorder;
  private openedAnswerer: Answerer | undefined;
  /** How far the projections of this process are, for waiters that need no round trip. */
  readonly progress = new ProgressHub();

  private constructor(
    readonly options: PlatformOptions,
    readonly stores: Stores,
    logs: { readonly domain: DomainLog; readonly access: EventLog },
    readonly readModels: ReadModels,
    registry: CapabilityRegistry,
  ) {
    const { log, signals } = logs.domain;
    this.logs = { domain: log, access: logs.access };
    this.log = log;
    this.accessLog = logs.access;
    this.logSignals = signals;
    const { database, keys, shared, masterKey } = stores;
    this.config = options.config;
    this.registry = registry;
    this.database = database;
    this.keys = keys;
    this.shared = shared;
    this.content = new PostgresContentStore(database, keys);
    this.sealer = new KeySealer(keys);
    const definitions = new Map(options.capabilities.flatMap((capability) => Object.entries(capability.events)));
    this.path = new CommandPath({
      log,
      definitions,
      seal: (definition, data, place) => sealPersonal(definition, data, place, this.sealer),
      ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
    });
    this.streams = new RecordedStreams(database, this.content, this.processId);
    this.idempotency = new IdempotencyStore(database, keys, {
      ttlMs: options.config.idempotency.IDEMPOTENCY_TTL_HOURS * 3_600_000,
    });
    ({ outbound: this.outbound, breakers: this.breakers } = openOutbound(options, shared, this.path));
    this.billingWebhook = openBillingWebhook(options.config, this.outbound);
    const retrieval = openRetrieval({
      ...{ database, keys, config: options.config, outbound: this.outbound },
      termKey: masterKey.derive('retrieval terms'),
      documentsView: options.documentsView,
      corporaView: options.corpora.view,
      recordedEmbedding: (tenantId, corpusId) => options.corpora.embedding(this.path, tenantId, corpusId),
      onError: (error, where) => options.log.warn(`${where} failed, and is tried again: ${String(error)}`),
    });
    ({
      index: this.index,
      search: this.search,
      vectorIndexes: this.vectorIndexes,
      reembedding: this.reembedding,
    } = retrieval);
    ({ embedders: this.embedders, embeddings: this.embeddings, texts: this.texts } = retrieval);
    this.retrieval = openRouter(options, this.outbound, this.search);
  }

  /** Opens the stores, waiting for those that are not there yet, and runs the pending migrations. */
  static async open(options: PlatformOptions): Promise<Platform> {
    const registry = new CapabilityRegistry(options.capabilities);
    const stores = await openStores(options.config, options.log);
    const domain = await openDomainLog(options.config, stores.database, options.log);
    const access = await PostgresEventLog.open(stores.database, 'access');
    const readModels = await ReadModels.open(stores.database, registry.projections);
    const platform = new Platform(options, stores, { domain, access }, readModels, registry);
    await platform.streams.start();
    return platform;
  }

  /** The configured models, or what stands in for them. */
  get answerer(): Answerer {
    const { config, log } = this.options;
    return (this.openedAnswerer ??= openAnswerer(config, this.outbound, (message) => log.warn(message)));
  }

  async close(): Promise<void> {
    await this.retrieval.close();
    await this.texts.close();
    await this.idempotency.close();
    await this.streams.stop();
    await this.breakers.stop();
    await this.log.close();
    await this.accessLog.close();
    await this.shared.close();
    await this.stores.rates.close();
    await this.stores.keysDatabase?.close();
    await this.database.close();
  }
}
