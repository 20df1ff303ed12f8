import { defineJob } from '../../kernel/job.js';
import type { JsonObject } from '../../kernel/schema.js';
import { SYSTEM_TENANT } from '../../kernel/streams.js';
import { WRITE_FREEZE_STREAM, writeFreeze } from './write-freeze.decider.js';
import type { WriteFreezePorts } from './write-freeze.ports.js';

/** Makes the log's gate stand as was decided last. */
export async function applyWriteFreeze({ commands, writeGate }: WriteFreezePorts): Promise<void> {
  const { frozen } = await commands.load(writeFreeze, SYSTEM_TENANT, WRITE_FREEZE_STREAM);
  await writeGate.setFrozen(frozen);
}

export const applyWriteFreezeJob = defineJob<JsonObject, WriteFreezePorts>({
  name: 'write-freeze.apply',
  retryLimit: 20,
  retryDelaySeconds: 1,
  timeoutSeconds: 30,
  concurrency: 1,
  handle: (_, ports) => applyWriteFreeze(ports),
});
