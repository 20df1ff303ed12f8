import { redactMetadata, redactText } from './redaction.js';

describe('the redaction of metadata', () => {
  it('hides texts and whole objects under keys that name a secret, at any depth', () => {
    const words = ['api_key', 'Authorization', 'access_token', 'client_secret', 'PASSWORD', 'text', 'raw_content'];
    for (const word of words) {
      expect(redactMetadata({ [word]: 'canary' })).toEqual({ [word]: '[REDACTED]' });
      expect(redactMetadata({ deep: [{ [word]: { a: 'canary' } }] })).toEqual({ deep: [{ [word]: '[REDACTED]' }] });
    }
    expect(redactMetadata({ 'x-api-key': 'canary', plaintext: 'canary' })).toEqual({
      'x-api-key': '[REDACTED]',
      plaintext: '[REDACTED]',
    });
  });

  it('leaves readable what tells nothing', () => {
    const told = {
      max_output_tokens: 512,
      token_limit: null,
      content_type: 'application/pdf',
      context: 'billing',
      api_key_id: 'k1',
      has_secret: true,
    };
    expect(redactMetadata(told)).toEqual(told);
  });

  it('hides credentials inside texts under any other key', () => {
    const told = redactMetadata({
      header: 'Bearer canary-123456',
      note: `rotated nrgk_${'0'.repeat(32)}_canary by hand`,
      list: ['postgres://ada:canary@db/x'],
      url: 'https://hooks.example/x?token=canary&room=7',
    });
    expect(JSON.stringify(told)).not.toContain('canary');
    expect(told).toMatchObject({ url: 'https://hooks.example/x?token=***&room=7' });
  });

  it('changes nothing in ordinary text', () => {
    for (const text of ['', 'Two words', '/v1/documents/a=b', 'basic needs', 'https://example.org/?page=2'])
      expect(redactText(text)).toBe(text);
  });
});
