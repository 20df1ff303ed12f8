import { randomUUID } from 'node:crypto';
import type { NewEvent } from '#infra/event-log/event-log.js';
import { streamName } from '#domain/kernel/streams.js';

/** A stream of its own, so that specs of one log do not meet. */
export function freshStream(category = 'parcel', tenant = 'tenant_a'): string {
  return streamName(category, tenant, randomUUID());
}

/** An event as a command handler would make it. */
export function anEvent(over: Partial<NewEvent> = {}): NewEvent {
  return {
    id: randomUUID(),
    type: 'ParcelMoved',
    schemaVersion: 1,
    data: { to: 'Zürich "HB"', weight: 1.5, tags: ['a', 'b'], nested: { z: null, a: true } },
    metadata: {
      tenantId: 'tenant_a',
      actor: { type: 'api_key', id: 'key-1', role: 'admin' },
      commandId: randomUUID(),
      requestId: null,
      correlationId: null,
      causationId: null,
      traceparent: null,
      region: null,
      epoch: 0,
      occurredAt: '2026-03-04T05:06:07.089Z',
    },
    ...over,
  };
}

export function someEvents(count: number, over: Partial<NewEvent> = {}): NewEvent[] {
  return Array.from({ length: count }, () => anEvent(over));
}
