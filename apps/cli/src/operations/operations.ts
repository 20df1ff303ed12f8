import { documentsIds, documentsStates, tenantsRegister } from './documents.js';
import { evalSearch } from './evaluation.js';
import { eventsShow, eventsTail } from './events.js';
import { jobsList, jobsRetry, jobsShow } from './jobs.js';
import { keysCreate, keysList, keysRevoke, keysRotate } from './keys.js';
import { ledgerAcknowledge, ledgerCheckpoint, ledgerProve, ledgerVerify, logExport } from './ledger.js';
import { indexVerify } from './search-index.js';
import type { Operation } from './operation.js';
import { personForget } from './persons.js';
import {
  eventsReplay,
  projectionsList,
  projectionsQuarantine,
  projectionsRebuild,
  projectionsRetry,
  projectionsRollback,
  projectionsVerify,
} from './projections.js';
import { providersSmoke } from './providers.js';

/** Every operation, by the name that the command line and the server share. */
export const operations: Readonly<Record<string, Operation>> = {
  'documents.ids': documentsIds,
  'documents.states': documentsStates,
  'eval.search': evalSearch,
  'events.replay': eventsReplay,
  'events.show': eventsShow,
  'events.tail': eventsTail,
  'index.verify': indexVerify,
  'jobs.list': jobsList,
  'jobs.retry': jobsRetry,
  'jobs.show': jobsShow,
  'keys.create': keysCreate,
  'keys.list': keysList,
  'keys.revoke': keysRevoke,
  'keys.rotate': keysRotate,
  'ledger.acknowledge': ledgerAcknowledge,
  'ledger.checkpoint': ledgerCheckpoint,
  'ledger.prove': ledgerProve,
  'ledger.verify': ledgerVerify,
  'log.export': logExport,
  'persons.forget': personForget,
  'projections.list': projectionsList,
  'projections.quarantine': projectionsQuarantine,
  'projections.rebuild': projectionsRebuild,
  'projections.retry': projectionsRetry,
  'projections.rollback': projectionsRollback,
  'projections.verify': projectionsVerify,
  'providers.smoke': providersSmoke,
  'tenants.register': tenantsRegister,
};
