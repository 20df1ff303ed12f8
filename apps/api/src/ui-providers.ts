import type { Provider } from '@nestjs/common';
import { usageDays } from '#domain/capabilities/usage/usage.projection.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import type { AppDeps } from './app.module.js';
import { DocumentIntake } from './capabilities/documents/documents.handler.js';
import { SignedCursors } from './capabilities/ui/ui-list.adapter.js';
import { UiActions } from './capabilities/ui/ui-actions.handler.js';
import { UiActionLog } from './capabilities/ui/ui-actions.queries.js';
import { UiDashboard } from './capabilities/ui/ui-dashboard.queries.js';
import { UiLists } from './capabilities/ui/ui-lists.queries.js';
import { UiStart } from './capabilities/ui/ui.queries.js';
import { DocumentAccess } from './commands/document-access.js';
import { QuotaSnapshots } from './commands/quota-snapshots.js';
import { ReadYourWrites } from './commands/read-your-writes.js';

/** Past this, the chart shows what the read model has. */
const SETTLE_MS = 1_000;

/** What the endpoints of the user interface are given. */
export function uiProviders({ platform, waiter, policy, gates }: AppDeps): Provider[] {
  const { config, database, stores } = platform;
  const secret = config.ui.UI_CURSOR_SECRET;
  const key = secret === undefined ? stores.masterKey.derive('ui cursors') : Buffer.from(secret.reveal());
  const settled = async (tenantId: string): Promise<void> => {
    const position = await gates.meter.written(tenantId);
    if (position !== null) await waiter.waitFor(usageDays, position, SETTLE_MS);
  };
  return [
    { provide: SignedCursors, useValue: new SignedCursors(key) },
    UiLists,
    {
      provide: UiActionLog,
      inject: [ReadModels, ReadYourWrites, DocumentAccess],
      useFactory: (models: ReadModels, reads: ReadYourWrites, access: DocumentAccess) =>
        new UiActionLog(models, reads, access),
    },
    {
      provide: UiStart,
      inject: [QuotaSnapshots],
      useFactory: (quotas: QuotaSnapshots) =>
        new UiStart({ quotas, planOf: (tenantId) => policy.plans.getOrCheck(tenantId, tenantId) }),
    },
    {
      provide: UiDashboard,
      inject: [ReadModels, QuotaSnapshots],
      useFactory: (models: ReadModels, quotas: QuotaSnapshots) =>
        new UiDashboard({ models, database, quotas, settled }),
    },
    {
      provide: UiActions,
      inject: [DocumentIntake],
      useFactory: (intake: DocumentIntake) =>
        new UiActions((documentId, caller) => intake.reindex(documentId, undefined, caller, 'ui')),
    },
  ];
}
