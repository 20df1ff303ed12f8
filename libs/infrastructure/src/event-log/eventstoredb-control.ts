import {
  BACKWARDS,
  jsonEvent,
  NO_STREAM,
  WrongExpectedVersionError,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import { CorruptEvent, LogUnavailable, WriterFenced, type LogId, type WriterControl } from './event-log.js';
import { appendError } from './eventstoredb-errors.js';
import { CONTROL_CATEGORY, placeOf } from './eventstoredb-events.js';
import type { Access, ServerReads } from './eventstoredb-reads.js';

interface Held {
  readonly control: WriterControl;
  /** Revision of the event that says so; undefined before the first. */
  readonly revision: bigint | undefined;
  readonly readAt: number;
}

export interface ControlSettings {
  /** Oldest control, in milliseconds, that an append goes by; 0 reads it before each. */
  readonly maxAgeMs: number;
  readonly deadlineMs: number;
  readonly access: Access;
}

/**
 * The writer control as a guard stream of its own. The server cannot check it in the transaction of an append, so an
 * append goes by a control that is at most `maxAgeMs` old: for so long, and for the time an append is under way, a writer
 * may still append that another process has fenced or frozen. Whoever fences waits that long before relying on it.
 */
export class ServerControl {
  private readonly stream: string;
  private held: Held | undefined;
  private reading: Promise<Held> | undefined;

  constructor(
    private readonly client: EventStoreDBClient,
    private readonly reads: ServerReads,
    log: LogId,
    private readonly settings: ControlSettings,
  ) {
    this.stream = `${CONTROL_CATEGORY}-_system.${log}`;
  }

  /** Throws `WriterFenced`, or `LogUnavailable` when the control cannot be read: an unguarded append is none. */
  async check(epoch: number, recovery = false): Promise<void> {
    const { control } = await this.fresh();
    if (epoch < control.epoch) throw new WriterFenced('epoch');
    if (control.frozen && !recovery) throw new WriterFenced('frozen');
  }

  async read(): Promise<WriterControl> {
    return (await this.readHeld()).control;
  }

  /** Moves the control forward. RangeError for an epoch below the stored one. */
  async set(next: WriterControl): Promise<void> {
    for (;;) {
      const { control, revision } = await this.readHeld();
      if (next.epoch < control.epoch) throw new RangeError(`writer epoch ${next.epoch} is lower than the stored one`);
      try {
        await this.append(next, revision);
        this.held = undefined;
        return;
      } catch (error) {
        if (error instanceof WrongExpectedVersionError) continue;
        const known = appendError(this.stream, error);
        // Setting the same control again does no harm, so an unknown outcome is as good as none.
        throw known.name === 'AppendOutcomeUnknown'
          ? new LogUnavailable('the writer control cannot be set', 500, { cause: error })
          : known;
      }
    }
  }

  private async append({ epoch, frozen }: WriterControl, revision: bigint | undefined): Promise<void> {
    const event = jsonEvent({ type: 'WriterControlSet', data: { epoch, frozen } });
    await this.client.appendToStream(this.stream, event, {
      expectedRevision: revision ?? NO_STREAM,
      requiresLeader: true,
      deadline: this.settings.deadlineMs,
      ...this.settings.access,
    });
  }

  private fresh(): Promise<Held> {
    const { held } = this;
    if (held !== undefined && performance.now() - held.readAt < this.settings.maxAgeMs) return Promise.resolve(held);
    // A read that is under way may have looked before a control that this caller must see.
    if (this.settings.maxAgeMs === 0) return this.readHeld();
    this.reading ??= this.readHeld().finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async readHeld(): Promise<Held> {
    const readAt = performance.now();
    const [last] = await this.reads.stream(this.stream, undefined, 1, BACKWARDS);
    const held = {
      readAt,
      revision: last?.event?.revision,
      control: controlOf(last?.event?.data, last && placeOf(last)),
    };
    if (held.readAt >= (this.held?.readAt ?? 0)) this.held = held;
    return held;
  }
}

function controlOf(data: unknown, position: string | undefined): WriterControl {
  if (data === undefined) return { epoch: 0, frozen: false };
  const { epoch, frozen } = data as Partial<WriterControl>;
  if (typeof epoch === 'number' && typeof frozen === 'boolean') return { epoch, frozen };
  throw new CorruptEvent(position ?? '', 'it is no writer control');
}
