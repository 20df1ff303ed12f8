import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type streams from '@eventstore/db-client/generated/streams_pb.js';
import type { Faults } from './faults.js';
import type { Record, Records } from './records.js';
import {
  caughtUpResponse,
  checkpointResponse,
  confirmationResponse,
  eventResponse,
  notFoundResponse,
  unavailable,
} from './wire.js';

export type ReadCall = ServerWritableStream<streams.ReadReq, streams.ReadResp>;
type Options = streams.ReadReq.Options;

const FORWARDS = 0;

/** Answers one read of a stream or of everything, up to its count. */
export async function answerRead(call: ReadCall, options: Options, records: Records, faults: Faults): Promise<void> {
  const count = Number(options.getCount());
  const stream = options.getStream();
  const chosen = stream === undefined ? ofAll(options, records) : ofStream(stream, options, records);
  if (chosen === undefined) {
    call.write(notFoundResponse(nameOf(stream)));
    call.end();
    return;
  }
  for (const [at, record] of chosen.slice(0, count).entries()) {
    if (at === faults.breakReadAfter) {
      faults.breakReadAfter = undefined;
      call.emit('error', unavailable());
      return;
    }
    if (faults.readPauseMs > 0) await delay(faults.readPauseMs);
    if (!(await send(call, eventResponse(record)))) return;
  }
  call.end();
}

function nameOf(stream: streams.ReadReq.Options.StreamOptions | undefined): string {
  return Buffer.from(stream?.getStreamIdentifier()?.getStreamName_asU8() ?? new Uint8Array()).toString('utf8');
}

function ofStream(
  stream: streams.ReadReq.Options.StreamOptions,
  options: Options,
  records: Records,
): readonly Record[] | undefined {
  const all = records.stream(nameOf(stream));
  if (all.length === 0) return undefined;
  const forwards = (options.getReadDirection() as number) === FORWARDS;
  const last = BigInt(all.length - 1);
  const from = stream.hasStart() ? 0n : stream.hasEnd() ? last : BigInt(stream.getRevision());
  if (forwards) return all.slice(Number(from));
  return all.slice(0, Number(from > last ? last : from) + 1).reverse();
}

/** Forwards from a position means from the event that stands there; backwards means what stands before it. */
function ofAll(options: Options, records: Records): readonly Record[] {
  const forwards = (options.getReadDirection() as number) === FORWARDS;
  const place = options.getAll();
  const position = BigInt(place?.getPosition()?.getCommitPosition() ?? 0);
  if (forwards) return place?.hasStart() === true ? records.all : records.all.slice(records.indexFrom(position, true));
  const end = place?.hasEnd() === true ? records.all.length : records.indexFrom(position, true);
  return records.all.slice(0, end).reverse();
}

async function send(call: ReadCall, response: streams.ReadResp): Promise<boolean> {
  if (call.cancelled || call.destroyed) return false;
  if (!call.write(response)) await Promise.race([once(call, 'drain'), once(call, 'cancelled'), once(call, 'close')]);
  return !call.cancelled;
}

/** One subscription to everything: what is stored after its start, and then what comes. */
export class LiveSubscription {
  delivered = 0;
  private next: number;
  private running = false;
  private again = false;
  private live = false;
  private readonly unwatch: () => void;
  private readonly passes: (record: Record) => boolean;

  constructor(
    private readonly call: ReadCall,
    options: Options,
    private readonly records: Records,
    private readonly faults: Faults,
    private readonly onEnd: (subscription: LiveSubscription) => void,
  ) {
    this.passes = filterOf(options.getFilter());
    const place = options.getAll();
    const after = BigInt(place?.getPosition()?.getCommitPosition() ?? 0);
    if (place?.hasStart() === true) this.next = 0;
    else if (place?.hasEnd() === true) this.next = records.all.length;
    else this.next = records.indexFrom(after, faults.duplicates);
    this.unwatch = records.watch(() => void this.pump());
    call.on('cancelled', () => this.stop());
    call.on('close', () => this.stop());
    call.write(confirmationResponse(randomUUID()));
    void this.pump();
  }

  /** Ends cleanly, or with an error. */
  end(error?: Error): void {
    this.stop();
    if (error === undefined) this.call.end();
    else this.call.emit('error', error);
  }

  private stop(): void {
    this.unwatch();
    this.next = Infinity;
    this.onEnd(this);
  }

  private async pump(): Promise<void> {
    this.again = true;
    if (this.running || this.faults.silentSubscriptions) return;
    this.running = true;
    while (this.again) {
      this.again = false;
      while (this.next < this.records.all.length) if (!(await this.step())) return;
      if (this.live || this.next === Infinity) continue;
      this.live = true;
      if (!this.faults.withoutCaughtUp) await send(this.call, caughtUpResponse());
    }
    this.running = false;
  }

  private async step(): Promise<boolean> {
    if (this.faults.silentSubscriptions) return false;
    const record = this.records.all[this.next];
    this.next += 1;
    if (record === undefined) return false;
    if (this.faults.strayCheckpoints) {
      await send(this.call, checkpointResponse(this.records.all.at(-1)?.position));
      await send(this.call, checkpointResponse(undefined));
      await send(this.call, checkpointResponse(0n));
    }
    if (!this.passes(record)) return true;
    this.delivered += 1;
    if (this.faults.readPauseMs > 0) await delay(this.faults.readPauseMs);
    if (this.faults.duplicates) await send(this.call, eventResponse(record));
    return send(this.call, eventResponse(record));
  }
}

function filterOf(filter: streams.ReadReq.Options.FilterOptions | undefined): (record: Record) => boolean {
  if (filter === undefined) return () => true;
  const expression = filter.getStreamIdentifier() ?? filter.getEventType();
  const onStream = filter.hasStreamIdentifier();
  const prefixes = expression?.getPrefixList() ?? [];
  const regex = new RegExp(expression?.getRegex() ?? '', 'u');
  return (record) => {
    const text = onStream ? record.stream : record.type;
    return prefixes.length > 0 ? prefixes.some((prefix) => text.startsWith(prefix)) : regex.test(text);
  };
}
