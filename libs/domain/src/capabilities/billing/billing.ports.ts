import type { CommandPort } from '../../kernel/ports.js';
import type { RolloutSettings } from '../rollouts/rollouts.ports.js';

/** What became of one attempt to hand over a message. */
export type WebhookOutcome =
  | { readonly kind: 'delivered'; readonly statusCode: number }
  /** The receiver will not take it at any time. */
  | { readonly kind: 'refused'; readonly statusCode: number }
  /** It may be taken later; `retryAfterSeconds` when the receiver said so. */
  | {
      readonly kind: 'failed';
      readonly statusCode: number | null;
      readonly reason: string;
      readonly retryAfterSeconds: number | null;
    };

/** The one receiver of billing messages. */
export interface WebhookPort {
  /** False: nothing is sent to anybody. */
  readonly enabled: boolean;
  /** Signs and sends; never rejects but for its signal. The same id marks the same message. */
  send(
    message: { readonly id: string; readonly event: string; readonly body: string },
    signal?: AbortSignal,
  ): Promise<WebhookOutcome>;
}

/** Opens text that an event holds sealed. */
export interface PersonalPort {
  /** Null when the person was forgotten. */
  open(sealed: {
    readonly tenantId: string;
    readonly stream: string;
    readonly field: string;
    readonly text: string;
  }): Promise<string | null>;
}

/** What deliveries need of the world. */
export interface BillingPorts {
  readonly commands: CommandPort;
  readonly personal: PersonalPort;
  readonly webhook: WebhookPort;
  readonly switches: RolloutSettings;
}
