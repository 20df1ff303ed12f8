import { createHmac, timingSafeEqual } from 'node:crypto';

/** Signs the addresses of audio, each for one tenant, one audio and one end. */
export class AudioAddresses {
  private readonly base: string;

  /** `baseUrl` is how clients reach us, with or without `/v1`. */
  constructor(
    private readonly key: Uint8Array,
    baseUrl: string,
  ) {
    this.base = baseUrl.replace(/\/+$/, '').replace(/\/v1$/, '');
  }

  /** `until` is cut to whole seconds. */
  addressOf(tenantId: string, audioId: string, until: Date): string {
    const expires = String(Math.floor(until.getTime() / 1_000));
    const signature = this.sign(tenantId, audioId, expires).toString('base64url');
    const query = new URLSearchParams({ tenant: tenantId, expires, signature });
    return `${this.base}/v1/audio/${audioId}.mp3?${query.toString()}`;
  }

  /** Whether we signed it; takes as long for a wrong signature as for a right one. */
  isOurs(tenantId: string, audioId: string, expires: string, signature: string): boolean {
    const given = Buffer.from(signature, 'base64url');
    const right = this.sign(tenantId, audioId, expires);
    return given.length === right.length && timingSafeEqual(given, right);
  }

  private sign(tenantId: string, audioId: string, expires: string): Buffer {
    return createHmac('sha256', this.key).update(`${tenantId}\n${audioId}\n${expires}`).digest();
  }
}
