import { Secret } from '#infra/config/secret.js';

import { withLogScope } from './log-scope.js';
import { createLogger } from './logger.js';

function logged(write: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLogger({ level: 'debug', destination: { write: (line) => lines.push(line) } }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the log', () => {
  it('writes level, ISO time, fields and message', () => {
    const [line] = logged((log) => log.info({ rows: 3 }, 'done'));
    expect(line).toMatchObject({ level: 'info', service: 'nexusrag', rows: 3, msg: 'done' });
    expect(line?.['time']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it('hides secret fields wherever they stand, and keeps what only sounds like one', () => {
    const [line] = logged((log) =>
      log.info({
        headers: { Authorization: 'x', cookie: 'y' },
        deep: [{ api_key: 'z' }],
        max_output_tokens: 5,
        token_count: 6,
      }),
    );
    expect(line).toMatchObject({
      headers: { Authorization: '***', cookie: '***' },
      deep: [{ api_key: '***' }],
      max_output_tokens: 5,
      token_count: 6,
    });
  });

  it('hides credentials inside texts, messages and errors', () => {
    const key = `nrgk_${'a'.repeat(32)}_${'b'.repeat(43)}`;
    const [line] = logged((log) =>
      log.error(
        {
          note: `used ${key}`,
          err: new Error(`postgres://u:hunter2@h failed`, { cause: new Error('Bearer abcdefghij') }),
        },
        `key ${key} at redis://:hunter2@h`,
      ),
    );
    const text = JSON.stringify(line);
    expect(text).not.toMatch(/hunter2|bbbb|abcdefghij/);
    expect(text).toContain('nrg***');
    expect(line?.['err']).toMatchObject({ type: 'Error', message: 'postgres://u:***@h failed' });
  });

  it('hides configuration secrets', () => {
    expect(JSON.stringify(logged((log) => log.info({ value: new Secret('hunter2') })))).not.toContain('hunter2');
  });

  it('puts the request id into each line below the request, also later ones', async () => {
    const lines: Record<string, unknown>[] = [];
    const log = createLogger({
      level: 'info',
      destination: { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
    });
    await withLogScope({ request_id: 'r1' }, async () => {
      await Promise.resolve();
      log.info('inside');
    });
    log.info('outside');
    expect(lines.map((line) => line['request_id'])).toEqual(['r1', undefined]);
  });
});
