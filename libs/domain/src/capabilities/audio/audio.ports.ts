import type { CommandPort, ContentPort } from '../../kernel/ports.js';

/** What the deletion of audio reaches. */
export interface AudioPorts {
  readonly content: ContentPort;
  readonly commands: CommandPort;
}
