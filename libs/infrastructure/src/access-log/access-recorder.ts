import type { Actor, DomainEvent } from '#domain/kernel/events.js';
import { redactText } from '#domain/kernel/redaction.js';
import type { Json, JsonObject } from '#domain/kernel/schema.js';
import type { EventLog, NewEvent } from '#infra/event-log/event-log.js';
import { newId } from '#infra/commands/ids.js';
import { AccessWriter } from './access-writer.js';
import { Repeats, type Repeated } from './repeats.js';

/** Who an access event is of. */
export interface Accessor {
  readonly tenantId: string;
  readonly actor: Actor;
  readonly requestId: string;
  readonly ipAddress: string;
  readonly userAgent: string | null;
}

export interface AccessRecorderOptions {
  /** The access log. */
  readonly log: EventLog;
  /** The newest payload version of an event type. */
  readonly versionOf: (type: string) => number;
  /** Told of what could not be written, or not in time. */
  readonly onProblem: (error: unknown) => void;
  /** Milliseconds in which repeats of a refusal are counted; 60,000 by default. */
  readonly windowMs?: number;
  /** Longest that an answer waits for its refusal to be stored, in milliseconds; 1,000 by default. */
  readonly patienceMs?: number;
  readonly gatherMs?: number;
  /** Most events that may wait to be written; 50,000 by default. */
  readonly capacity?: number;
  /** Most kinds of refusals that are counted apart at one time; 10,000 by default. */
  readonly kinds?: number;
}

interface Access {
  readonly event: DomainEvent;
  readonly who: Accessor;
  readonly at: number;
}

/** Longest text of a client that is kept. */
const LONGEST_TEXT = 1_024;
const stop = { graceMs: 2_000 };

/** Writes down who came and who was refused, in batches and without an error for anybody. */
export class AccessRecorder {
  private readonly writer: AccessWriter;
  private readonly repeats: Repeats<Access>;
  private late = 0;

  constructor(private readonly options: AccessRecorderOptions) {
    this.writer = new AccessWriter(options);
    const { windowMs = 60_000, kinds } = options;
    this.repeats = new Repeats({
      windowMs,
      onEnd: (repeated) => this.count(repeated),
      ...(kinds === undefined ? {} : { kinds }),
    });
  }

  /** Counters since the start: stored, dropped, retried appends, collapsed repeats, late answers; and what waits now. */
  get stats() {
    return { ...this.writer.stats, collapsed: this.repeats.collapsed, late: this.late };
  }

  /** In the background, within 100 ms. */
  record(event: DomainEvent, who: Accessor): void {
    this.write({ event, who, at: Date.now() }, 'soon');
  }

  /** Resolves when the event is stored, or counted as a repeat of one that is; after `patienceMs` in any case. */
  recorded(event: DomainEvent, who: Accessor): Promise<void> {
    const access = { event, who, at: Date.now() };
    const { kind, overflow } = kindOf(access);
    if (!this.repeats.isFirst(kind, overflow, access)) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.late += 1;
        this.options.onProblem(new Error(`${event.type} was not stored before its answer`));
        resolve();
      }, this.options.patienceMs ?? 1_000);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      if (!this.write(access, 'at once', done)) done();
    });
  }

  /** Writes what waits and what was counted. */
  async stop(): Promise<void> {
    this.repeats.stop();
    await this.writer.stop(stop.graceMs);
  }

  private write(access: Access, when: 'soon' | 'at once', stored?: () => void): boolean {
    const { who, at } = access;
    const stream = `access-${who.tenantId}.${dayOf(at)}`;
    const event = (): NewEvent => this.eventOf(access);
    return this.writer.add(stored === undefined ? { stream, event } : { stream, event, stored }, when);
  }

  private count({ latest, count, windowSeconds, mixed }: Repeated<Access>): void {
    const { event, who } = latest;
    const data = { ...event.data, count, windowSeconds };
    const counted = { event: { ...event, data }, who: mixed ? { ...who, ipAddress: '' } : who, at: Date.now() };
    this.write(counted, 'soon');
  }

  /** Keys in the order of canonical JSON, which saves sorting them again. */
  private eventOf({ event, who, at }: Access): NewEvent {
    const { actor } = who;
    const id = newId();
    return {
      id,
      type: event.type,
      schemaVersion: this.options.versionOf(event.type),
      data: safeData(event.data as JsonObject),
      metadata: {
        actor: { id: actor.id, role: actor.role, type: actor.type },
        causationId: null,
        commandId: id,
        correlationId: null,
        epoch: this.options.log.epoch,
        ipAddress: who.ipAddress === '' ? null : who.ipAddress,
        occurredAt: new Date(at).toISOString(),
        region: null,
        requestId: who.requestId,
        tenantId: who.tenantId,
        traceparent: null,
        userAgent: who.userAgent === null ? null : safeText(who.userAgent),
      },
    };
  }
}

/** What makes two refusals the same kind: type, code and reason, address and tenant; and all but the address, for overflow. */
function kindOf({ event, who }: Access): { readonly kind: string; readonly overflow: string } {
  const { code, reason, scope, featureKey, period, metric } = event.data as Readonly<Record<string, Json>>;
  const parts = [event.type, who.tenantId, code, reason, scope, featureKey, period, metric];
  const overflow = parts.map((part) => (typeof part === 'string' ? part : '')).join(' ');
  return { kind: `${overflow} ${who.ipAddress}`, overflow };
}

/** Sorted, without what is undefined, and with no more of a client's text than is worth keeping. */
function safeData(data: JsonObject): JsonObject {
  const safe: Record<string, Json> = {};
  for (const key of Object.keys(data).sort()) {
    const value = data[key];
    if (value !== undefined) safe[key] = typeof value === 'string' ? safeText(value) : value;
  }
  return safe;
}

function safeText(text: string): string {
  return redactText(text.slice(0, LONGEST_TEXT)).toWellFormed().replaceAll('\0', '\ufffd');
}

let [today, dayEnds] = ['', 0];

/** The UTC day of an instant of about now. */
function dayOf(at: number): string {
  if (at >= dayEnds || at < dayEnds - 86_400_000) {
    dayEnds = (Math.floor(at / 86_400_000) + 1) * 86_400_000;
    today = new Date(at).toISOString().slice(0, 10);
  }
  return today;
}
