import { defineDecider } from '../../kernel/decider.js';
import { defineErrors } from '../../kernel/errors.js';
import type { UiEvent } from './ui.events.js';

export const uiErrors = defineErrors('ui', {
  actionNotFound: ['not_found', 'NOT_FOUND', 'No such action'],
  actionConflict: ['conflict', 'ACTION_CONFLICT', 'The document is being ingested; wait until that has ended'],
});

export interface ForgetUiAction {
  readonly type: 'ForgetUiAction';
  readonly data: { readonly actionId: string };
}

export interface UiActionState {
  readonly forgotten: boolean;
}

/** One stream an action of the user interface, begun when retention removes it from the action log. */
export const uiActions = defineDecider<ForgetUiAction, UiEvent, UiActionState>({
  category: 'uiActions',
  initial: { forgotten: false },
  decide: ({ data }, { forgotten }) => (forgotten ? [] : [{ type: 'UiActionForgotten', data }]),
  evolve: () => ({ forgotten: true }),
});
