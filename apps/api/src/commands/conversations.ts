import { sessions } from '#domain/capabilities/sessions/sessions.decider.js';
import type { CallerContext } from '#api/http/caller.js';
import { mayActAs } from '#api/http/principal.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { idFor } from '#infra/commands/ids.js';

/** A conversation that a run belongs to. */
export interface Conversation {
  /** The id of the session among all of the tenant. */
  readonly id: string;
  readonly userId: string;
  /** How often it was deleted before. */
  readonly life: number;
}

/** The id of a user's session: two users who take the same name have two conversations. */
export function sessionIdFor(tenantId: string, userId: string, name: string): string {
  return idFor('session', tenantId, `${userId}\n${name}`);
}

/** The stream of what was done to a session. */
export function sessionStream(tenantId: string, session: string): string {
  return idFor('sessions', tenantId, session);
}

/** The conversation of a user by that name as it goes on now; one that was deleted begins anew. */
export async function conversationOf(
  path: Pick<CommandPath, 'load'>,
  { tenantId, userId, name }: { readonly tenantId: string; readonly userId: string; readonly name: string },
): Promise<Conversation> {
  const id = sessionIdFor(tenantId, userId, name);
  const { deletions } = await path.load(sessions, tenantId, sessionStream(tenantId, id));
  return { id, userId, life: deletions };
}

/** Admins see every session of their tenant, others their own; what a caller may not see is not there. */
export function isOfCaller(userId: string, caller: CallerContext): boolean {
  return userId === caller.principal.subjectId || mayActAs(caller.principal.role, 'admin');
}
