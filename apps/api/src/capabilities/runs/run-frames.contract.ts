import { frameText } from '#api/http/sse.js';

/** What every frame of one run shares. */
export interface FrameContext {
  readonly runId: string;
  readonly requestId: string;
  readonly sessionId: string;
}

export type FrameType =
  | 'request.accepted'
  | 'debug.retrieval'
  | 'token.delta'
  | 'message.final'
  | 'audio.error'
  | 'error'
  | 'done'
  | 'resume.unsupported';

/** A typed event of a run: `id: <run id>:<seq>`, and the envelope {type, request_id, session_id, data, seq}. */
export function runFrame(context: FrameContext, type: FrameType, data: object): (seq: number) => string {
  return (seq) =>
    frameText({
      event: 'message',
      id: `${context.runId}:${seq}`,
      data: { type, request_id: context.requestId, session_id: context.sessionId, data, seq },
    });
}

/** A sign of life; it has a number like any frame, so that numbers stay dense. */
export function heartbeatFrame(context: FrameContext): (seq: number) => string {
  return (seq) =>
    frameText({
      event: 'heartbeat',
      id: `${context.runId}:${seq}`,
      data: { ts: new Date().toISOString(), request_id: context.requestId, seq },
    });
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
