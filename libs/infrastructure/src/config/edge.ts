import { defineConfig } from './define-config.js';
import { boolean, int, list, oneOf, secret, string } from './fields.js';

/** The HTTP server and its bounds. */
export const httpArea = defineConfig('http', 'Where the server listens and what it accepts.', {
  PORT: int('The port of the HTTP server; 0 takes any free one.', { default: 8000, min: 0, max: 65_535 }),
  HOST: string('The address to listen on; a container sets 0.0.0.0.', '127.0.0.1'),
  MAX_REQUEST_BYTES: int('The longest request body; more is answered with 413.', {
    default: 1_048_576,
    min: 1_024,
    max: 1_073_741_824,
    unit: 'bytes',
  }),
  MAX_UPLOAD_BYTES: int('The longest file, and the most that an endpoint for documents takes as JSON.', {
    default: 209_715_200,
    min: 1_024,
    max: 1_073_741_824,
    unit: 'bytes',
  }),
  REQUEST_TIMEOUT_SECONDS: int(
    'How long a request may take: 408 while it is still being sent, then 503. Streams may take longer.',
    { default: 60, min: 1, max: 3_600, unit: 's' },
  ),
  SHUTDOWN_GRACE_MS: int('How long a stopping server lets open streams and requests finish.', {
    default: 10_000,
    min: 0,
    max: 600_000,
    unit: 'ms',
  }),
  TRUSTED_PROXIES: list('Addresses or networks of proxies whose X-Forwarded-For names the client.'),
  CORS_ALLOW_ORIGINS: list('Origins whose pages may call, such as https://app.example.com; none by default.'),
  DOCS_ENABLED: boolean('Whether /v1/docs and /v1/openapi.json are served.', true),
  LEGACY_ROUTES: oneOf('Whether routes without /v1 are served, or answered with 410.', ['serve', 'gone'], 'serve'),
});

/** Keys that the platform and its tenants make for signing and sealing. */
export const keyringArea = defineConfig('keyring', 'Keys that are made and rotated through the API.', {
  KEYRING_ENABLED: boolean('Whether keys can be made and used; when false, 503.', true),
  KEYRING_MASTER_KEY: secret('Seals the secrets of the keyring: any text.', { minLength: 16 }),
  KEYRING_MASTER_KEY_REQUIRED: boolean(
    'Whether KEYRING_MASTER_KEY must be set; when false the master key of the installation does.',
    false,
  ),
});
