import type { Spoken } from '#api/commands/voice.js';
import { frameText } from '#api/http/sse.js';
import type { Answer } from '#infra/adapters/llm/answerer.js';
import type { MakeFrame } from '#infra/recorded-streams/stream-writer.js';

/** What every frame of one run shares. */
export interface FrameContext {
  readonly runId: string;
  readonly requestId: string;
  readonly sessionId: string;
}

export type FrameType =
  | 'request.accepted'
  | 'input.transcribed'
  | 'debug.retrieval'
  | 'token.delta'
  | 'message.final'
  | 'audio.ready'
  | 'audio.error'
  | 'error'
  | 'done'
  | 'resume.unsupported';

/** A typed event of a run: `id: <run id>:<seq>`, and the envelope {type, request_id, session_id, data, seq}. */
export function runFrame(context: FrameContext, type: FrameType, data: object): MakeFrame {
  return (seq) =>
    frameText({
      event: 'message',
      id: `${context.runId}:${seq}`,
      data: { type, request_id: context.requestId, session_id: context.sessionId, data, seq },
    });
}

/** A sign of life; it has a number like any frame, so that numbers stay dense. */
export function heartbeatFrame(context: FrameContext): MakeFrame {
  return (seq) =>
    frameText({
      event: 'heartbeat',
      id: `${context.runId}:${seq}`,
      data: { ts: new Date().toISOString(), request_id: context.requestId, seq },
    });
}

/** What the last frames tell of an answer: all of it is in the stored answer and in the event of the outcome. */
export type ToldAnswer = Pick<
  Answer,
  'text' | 'citations' | 'degraded' | 'reasonCode' | 'provider' | 'model' | 'finishReason' | 'droppedCitations'
>;

/** The answer, whole. */
export function finalFrame(context: FrameContext, answer: ToldAnswer): MakeFrame {
  const { text, citations, degraded, reasonCode, provider, model, finishReason, droppedCitations } = answer;
  const by = { provider, model, finish_reason: finishReason, dropped_citations: droppedCitations };
  const marks = degraded ? { degraded, reason_code: reasonCode, ...by } : { degraded, ...by };
  return runFrame(context, 'message.final', { text, citations, ...marks });
}

/** How a run ends that has an answer; where it is spoken too, nobody waits for that to read it. */
export function finalFrames(context: FrameContext, answer: ToldAnswer): readonly MakeFrame[] {
  return [finalFrame(context, answer), runFrame(context, 'done', {})];
}

/** How it ends after what became of its speech is known. */
export function speechFrames(context: FrameContext, spoken: Spoken): readonly MakeFrame[] {
  return [runFrame(context, spoken.type, spoken.data), runFrame(context, 'done', {})];
}

/** How a run ends that has none. */
export function failureFrames(
  context: FrameContext,
  data: { readonly code: string; readonly message: string },
): readonly MakeFrame[] {
  return [runFrame(context, 'error', data), runFrame(context, 'done', {})];
}

/** What a recorded frame carries; a heartbeat has no type. */
export function sentIn(text: string): {
  readonly type?: string;
  readonly request_id: string;
  readonly session_id?: string;
  readonly data?: Readonly<Record<string, unknown>>;
} {
  const line = text.split('\n').find((each) => each.startsWith('data: ')) ?? 'data: {}';
  return JSON.parse(line.slice(6)) as ReturnType<typeof sentIn>;
}

export interface ResumePoint {
  readonly runId: string;
  readonly seq: number;
}

const resumePattern = /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}):(\d{1,9})$/;

/** The place that a `Last-Event-ID` names; undefined for anything that is not `<run id>:<seq>`. */
export function parseResumePoint(header: string): ResumePoint | undefined {
  const match = resumePattern.exec(header.trim());
  return match?.[1] === undefined ? undefined : { runId: match[1], seq: Number(match[2]) };
}
