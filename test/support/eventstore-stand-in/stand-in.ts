import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import {
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerReadableStream,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import gossipServices from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import featureServices from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streamServices from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type streams from '@eventstore/db-client/generated/streams_pb.js';
import { LossyProxy } from '#test/support/event-log-proxy.js';
import { Faults, type AppendFault } from './faults.js';
import { Records, type ExpectedRevision, type Proposed, type Verdict } from './records.js';
import { answerRead, LiveSubscription, type ReadCall } from './reads.js';
import {
  appendResponse,
  denied,
  expectedOf,
  notLeader,
  proposedOf,
  refusal,
  streamOf,
  tooLarge,
  unavailable,
} from './wire.js';

type AppendCall = ServerReadableStream<streams.AppendReq, streams.AppendResp>;
type AppendAnswer = sendUnaryData<streams.AppendResp>;

interface AppendRequest {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly Proposed[];
}

/** An EventStoreDB node as its Node client sees it: streams, gossip and features over gRPC, with faults to switch on. */
export class EventStoreStandIn {
  readonly faults = new Faults();
  /** Where the leader is; calls that need the leader are sent there. Undefined: this node leads. */
  leader: EventStoreStandIn | undefined;
  private readonly subscriptions = new Set<LiveSubscription>();
  private readonly server = new Server({ 'grpc.max_receive_message_length': 17 * 1024 * 1024 });

  private front: LossyProxy | undefined;

  private constructor(
    /** The records, which several nodes of a cluster may share. */
    readonly records: Records,
  ) {}

  /** Listens on a port of 127.0.0.1; any free one by default. */
  static async start(options: { records?: Records; port?: number } = {}): Promise<EventStoreStandIn> {
    const standIn = new EventStoreStandIn(options.records ?? new Records());
    const port = await standIn.listen();
    standIn.front = await LossyProxy.before(`http://127.0.0.1:${port}`, options.port);
    return standIn;
  }

  get port(): number {
    return Number(new URL(this.proxy.url).port);
  }

  /** What EVENTSTORE_URL would be. */
  get url(): string {
    return `esdb://127.0.0.1:${this.port}?tls=false`;
  }

  get subscribers(): number {
    return this.subscriptions.size;
  }

  /** Events that were handed to the subscriptions that are open. */
  get delivered(): number {
    return [...this.subscriptions].reduce((sum, { delivered }) => sum + delivered, 0);
  }

  /** Breaks every connection; new ones are taken. */
  dropConnections(): void {
    this.proxy.drop();
  }

  /** Ends every subscription: cleanly, or with the given refusal. */
  endSubscriptions(how: 'cleanly' | 'cancelled' | 'unavailable' | 'internal' = 'cleanly'): void {
    const errors = {
      cleanly: undefined,
      cancelled: refusal(status.CANCELLED, 'Operation canceled'),
      unavailable: unavailable(),
      internal: refusal(status.INTERNAL, 'Received RST_STREAM with code 2'),
    };
    for (const subscription of [...this.subscriptions]) subscription.end(errors[how]);
  }

  async close(): Promise<void> {
    await this.proxy.close();
    this.server.forceShutdown();
  }

  private get proxy(): LossyProxy {
    if (this.front === undefined) throw new Error('the stand-in was not started');
    return this.front;
  }

  private listen(): Promise<number> {
    this.server.addService(streamServices.StreamsService, {
      read: (call: ReadCall) => this.read(call),
      append: (call: AppendCall, answer: AppendAnswer) => this.append(call, answer),
      delete: unimplemented,
      tombstone: unimplemented,
      batchAppend: (call: { emit(name: string, error: Error): boolean }) =>
        call.emit('error', refusal(status.UNIMPLEMENTED, 'batchAppend')),
    });
    this.server.addService(gossipServices.GossipService, {
      read: (_call: unknown, answer: sendUnaryData<gossip.ClusterInfo>) => answer(null, this.cluster()),
    });
    this.server.addService(featureServices.ServerFeaturesService, {
      getSupportedMethods: (_call: unknown, answer: sendUnaryData<features.SupportedMethods>) =>
        answer(null, supportedMethods()),
    });
    return new Promise((resolve, reject) => {
      this.server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  private refusalOf(call: { readonly metadata: { get(key: string): unknown[] } }): Error | undefined {
    if (this.faults.unavailable) return unavailable();
    if (this.faults.denied) return denied();
    const needsLeader = call.metadata.get('requires-leader')[0] === 'true';
    return needsLeader && this.leader !== undefined ? notLeader('127.0.0.1', this.leader.port) : undefined;
  }

  private read(call: ReadCall): void {
    const refused = this.refusalOf(call);
    const options = call.request.getOptions();
    if (refused !== undefined || options === undefined) {
      call.emit('error', refused ?? refusal(status.INVALID_ARGUMENT, 'no options'));
      return;
    }
    if (!options.hasSubscription()) {
      void answerRead(call, options, this.records, this.faults);
      return;
    }
    const subscription = new LiveSubscription(call, options, this.records, this.faults, (ended) =>
      this.subscriptions.delete(ended),
    );
    this.subscriptions.add(subscription);
  }

  private append(call: AppendCall, answer: AppendAnswer): void {
    const refused = this.refusalOf(call);
    if (refused !== undefined) {
      answer(refused);
      return;
    }
    let options: streams.AppendReq.Options | undefined;
    const events: Proposed[] = [];
    call.on('data', (request: streams.AppendReq) => {
      options ??= request.getOptions();
      const message = request.getProposedMessage();
      if (message !== undefined) events.push(proposedOf(message));
    });
    call.on('error', () => undefined);
    call.on('end', async () => {
      // A connection that breaks in the middle ends the stream too, and is only then known to be cancelled.
      await nextTurn();
      await nextTurn();
      if (options === undefined || call.cancelled) return;
      const request = { stream: streamOf(options), expected: expectedOf(options), events };
      const fault = request.stream.startsWith('writerControl-') ? undefined : this.faults.appends.shift();
      await this.decide(request, fault, answer);
    });
  }

  private async decide(request: AppendRequest, fault: AppendFault | undefined, answer: AppendAnswer): Promise<void> {
    const { stream, expected, events } = request;
    const bytes = events.reduce((sum, { data, metadata }) => sum + data.length + metadata.length, 0);
    if (fault === 'drop-before') return this.dropConnections();
    if (fault === 'silent-before') return;
    if (fault === 'unavailable') return answer(unavailable());
    if (fault === 'access-denied') return answer(denied());
    if (fault === 'too-large' || bytes > this.faults.maxAppendBytes)
      return answer(tooLarge(this.faults.maxAppendBytes));
    const verdict = this.records.append(stream, expected, events);
    if (fault === 'drop-after') return this.dropConnections();
    if (fault === 'silent-after') return;
    if (fault === 'cancelled-after') return answer(refusal(status.CANCELLED, 'Operation canceled'));
    if (fault === 'unknown-after') return answer(refusal(status.INTERNAL, 'Received RST_STREAM with code 2'));
    if (typeof fault === 'object') await delay(fault.lateMs);
    answer(null, answerOf(verdict, request, fault, this.records));
  }

  private cluster(): gossip.ClusterInfo {
    const nodes = this.leader === undefined ? [this] : [this, this.leader];
    const members = nodes.map((node) => {
      const member = new gossip.MemberInfo();
      const { FOLLOWER, LEADER } = gossip.MemberInfo.VNodeState;
      member.setState(node.leader === undefined ? LEADER : FOLLOWER);
      member.setIsAlive(true);
      member.setInstanceId(new shared.UUID().setString(crypto.randomUUID()));
      member.setHttpEndPoint(new gossip.EndPoint().setAddress('127.0.0.1').setPort(node.port));
      return member;
    });
    return new gossip.ClusterInfo().setMembersList(members);
  }
}

function answerOf(
  verdict: Verdict,
  { stream, expected, events }: AppendRequest,
  fault: AppendFault | undefined,
  records: Records,
): streams.AppendResp {
  if (verdict.kind === 'wrong') return appendResponse(verdict, expected);
  if (fault === 'no-position') return appendResponse(verdict, expected);
  if (fault === 'forgetful') {
    return appendResponse({ kind: 'wrong', current: BigInt(records.stream(stream).length) - 1n }, expected);
  }
  const { last } = verdict;
  const first = records.stream(stream)[Number(last.revision) - events.length + 1];
  return appendResponse(verdict, expected, fault === 'first-position' ? first?.position : last.position);
}

function unimplemented(_call: ServerUnaryCall<unknown, unknown>, answer: sendUnaryData<never>): void {
  answer(refusal(status.UNIMPLEMENTED, 'not part of the stand-in'));
}

function supportedMethods(): features.SupportedMethods {
  const methods = ['read', 'append'].map((name) =>
    new features.SupportedMethod().setMethodName(name).setServiceName('event_store.client.streams.streams'),
  );
  return new features.SupportedMethods().setMethodsList(methods).setEventStoreServerVersion('24.10.0.0');
}
