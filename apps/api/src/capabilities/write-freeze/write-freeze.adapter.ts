import type { WriteFreezePorts } from '#domain/capabilities/write-freeze/write-freeze.ports.js';

/** What carries a freeze out at once, as the job does later. */
export class WriteFreezePortsAtEdge {
  constructor(readonly ports: WriteFreezePorts) {}
}
