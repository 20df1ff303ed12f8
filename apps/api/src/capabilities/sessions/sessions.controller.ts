import { Body, Controller, Param, Query } from '@nestjs/common';
import { authorizationErrors } from '#domain/capabilities/authorization/authorization.decider.js';
import { sessionErrors, sessions } from '#domain/capabilities/sessions/sessions.decider.js';
import { sessionRows, type SessionRow } from '#domain/capabilities/sessions/sessions.projection.js';
import { Commands } from '#api/commands/commands.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { Page } from '#api/http/paging.js';
import { policyQueryErrors } from '#infra/authorization/policies-sql.js';
import { SessionTitles } from './session-titles.adapter.js';
import { sessionStream } from '#api/commands/conversations.js';
import { MessageListQuery, MessageView, SessionListQuery, SessionPatch, SessionView } from './sessions.contract.js';
import { SessionQueries } from './sessions.queries.js';

/** A session is its user's, and the admins' of the tenant; it begins with its first run. */
@Controller('sessions')
export class SessionsController {
  constructor(
    private readonly commands: Commands,
    private readonly queries: SessionQueries,
    private readonly titles: SessionTitles,
  ) {}

  @Endpoint('GET /', {
    does: 'List the own sessions, or as an admin all of the tenant; the one used last first',
    role: 'reader',
    returns: [SessionView],
    refuses: [policyQueryErrors.tooLarge],
  })
  list(@Query() query: SessionListQuery, @Caller() caller: CallerContext): Promise<Page<SessionView>> {
    return this.queries.list(query, caller);
  }

  @Endpoint('GET /:sessionId', {
    does: 'Get a session by its id, or by the name that the caller gave it',
    role: 'reader',
    returns: SessionView,
    refuses: [authorizationErrors.deniedByPolicy, sessionErrors.notFound],
  })
  get(@Param('sessionId') id: string, @Caller() caller: CallerContext): Promise<SessionView> {
    return this.queries.get(id, caller);
  }

  @Endpoint('GET /:sessionId/messages', {
    does: 'Read what was asked and answered in a session',
    role: 'reader',
    view: 'MessagesViewed',
    returns: [MessageView],
    refuses: [authorizationErrors.deniedByPolicy, sessionErrors.notFound, policyQueryErrors.tooLarge],
  })
  messages(
    @Param('sessionId') id: string,
    @Query() query: MessageListQuery,
    @Caller() caller: CallerContext,
  ): Promise<Page<MessageView>> {
    return this.queries.messages(id, query, caller);
  }

  @Endpoint('PATCH /:sessionId', {
    does: 'Give a session a title, or take it away',
    role: 'reader',
    audit: 'session.renamed',
    returns: SessionView,
    waitsFor: [sessionRows.table],
    refuses: [authorizationErrors.deniedByPolicy, sessionErrors.notFound],
  })
  async rename(
    @Param('sessionId') id: string,
    @Body() { title }: SessionPatch,
    @Caller() caller: CallerContext,
  ): Promise<SessionView> {
    const row = await this.queries.find(id, 'write', caller);
    if (title !== undefined) {
      const stored = title === null ? null : await this.titles.keep(row, title, caller);
      const data = { ...conversationIn(row), title: stored };
      await this.commands.run(sessions, sessionStream(row.tenant_id, row.id), { type: 'RenameSession', data }, caller);
    }
    return this.queries.get(row.id, caller, 'write');
  }

  @Endpoint('DELETE /:sessionId', {
    does: 'Delete a session with all that was said in it, and its key; its name begins another one then',
    role: 'reader',
    audit: 'session.deleted',
    waitsFor: [sessionRows.table],
    refuses: [authorizationErrors.deniedByPolicy, sessionErrors.notFound],
  })
  async remove(@Param('sessionId') id: string, @Caller() caller: CallerContext): Promise<void> {
    const row = await this.queries.find(id, 'delete', caller, caller.mayRepeat);
    const life = row.deleted ? row.life - 1 : row.life;
    const data = { ...conversationIn(row), life, reason: 'request' } as const;
    await this.commands.run(sessions, sessionStream(row.tenant_id, row.id), { type: 'DeleteSession', data }, caller);
  }
}

function conversationIn({ id, session_id, user_id, life }: SessionRow) {
  return { session: id, sessionId: session_id, userId: user_id, life };
}
