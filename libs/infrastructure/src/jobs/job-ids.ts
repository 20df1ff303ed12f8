import { v5 } from 'uuid';

/** Namespace of every id that is derived from what caused it. */
const NAMESPACE = '5b0e3f52-6f0d-5d0c-9a55-3a2f0d7f6c11';

/** The id of a reaction's effect: a uuid v5, the same in every replay of the event. */
export function effectId(eventId: string, reaction: string, index: number): string {
  return v5(`effect:${eventId}:${reaction}:${index}`, NAMESPACE);
}

/** The id of a scheduled job: a uuid v5 of its minute, so that however many processes tick, it is made once. */
export function scheduleId(job: string, minute: string): string {
  return v5(`schedule:${job}:${minute}`, NAMESPACE);
}
