/** What is known of a single-sign-on session by the hash of its token. */
export interface SsoSession {
  readonly sessionId: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly role: string;
  /** False when the user was disabled: 403. A session that was ended, or whose time is over, is not found. */
  readonly userActive: boolean;
}

/** Who a session token `nrgss_…` belongs to; the identity capability brings the sessions. */
export interface SessionLookup {
  /** `tokenHash` is the hex SHA-256 of the whole token. Undefined for a session that is not open now. */
  find(tokenHash: string): Promise<SsoSession | undefined>;
}
