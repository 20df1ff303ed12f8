import { defineJob } from '../../kernel/job.js';
import { audio } from './audio.decider.js';
import type { AudioPorts } from './audio.ports.js';

type DeleteData = { readonly tenantId: string; readonly audioId: string; readonly contentId: string };

/** Deletes the bytes of an audio whose time has passed, once that is told. */
export const deleteAudio = defineJob<DeleteData, AudioPorts>({
  name: 'audio.delete',
  retryLimit: 10,
  retryDelaySeconds: 30,
  timeoutSeconds: 60,
  concurrency: 2,
  handle: async ({ id, data: { tenantId, audioId, contentId } }, { commands, content }) => {
    const command = { type: 'DeleteAudio', data: { audioId, reason: 'retention' } } as const;
    await commands.run(audio, tenantId, audioId, command, id);
    await content.delete(tenantId, contentId);
  },
});
