import { ProgressHub } from './progress.js';

const never = new AbortController().signal;
const LONG_MS = 60_000;

describe('ProgressHub', () => {
  it('hurries those who feed the table that somebody waits for, and nobody else', async () => {
    const hub = new ProgressHub();
    hub.notePatient('usage_minutes');
    const patient = hub.hurries.patient.rest(LONG_MS, never);
    hub.hurryOf('documents').begin();
    await hub.hurries.prompt.rest(LONG_MS, never);
    expect(await Promise.race([patient.then(() => 'over'), Promise.resolve('resting')])).toBe('resting');
    hub.hurryOf('usage_minutes').begin();
    await patient;
  });
});
