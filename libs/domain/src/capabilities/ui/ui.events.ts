import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

/** An action is accepted, and ends, with the events of what it asked for; only its removal is an event of its own. */
export const uiEvents = defineEvents({
  UiActionForgotten: {
    version: 1,
    data: { actionId: t.uuid },
    audit: { type: 'ui.action.forgotten', category: 'data', outcome: 'success', resource: ['ui_action', 'actionId'] },
  },
});

export type UiEvent = EventOf<typeof uiEvents>;
