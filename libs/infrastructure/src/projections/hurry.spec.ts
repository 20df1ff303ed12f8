import { Hurry } from './hurry.js';

const never = new AbortController().signal;
const LONG_MS = 60_000;

describe('Hurry', () => {
  it('ends a rest as soon as somebody waits, and lets nobody rest meanwhile', async () => {
    const hurry = new Hurry();
    const rest = hurry.rest(LONG_MS, never);
    const calm = hurry.begin();
    await rest;
    await hurry.rest(LONG_MS, never);
    calm();
    const next = hurry.rest(LONG_MS, never);
    expect(await Promise.race([next.then(() => 'over'), Promise.resolve('resting')])).toBe('resting');
    hurry.begin();
    await next;
  });

  it('ends the rests of the moment when somebody waits elsewhere', async () => {
    const hurry = new Hurry();
    const rests = [hurry.rest(LONG_MS, never), hurry.rest(LONG_MS, never)];
    hurry.nudge();
    await Promise.all(rests);
    const next = hurry.rest(LONG_MS, never);
    expect(await Promise.race([next.then(() => 'over'), Promise.resolve('resting')])).toBe('resting');
    hurry.nudge();
    await next;
  });

  it('ends a rest when its reader stops', async () => {
    const stop = new AbortController();
    const rest = new Hurry().rest(LONG_MS, stop.signal);
    stop.abort();
    await rest;
    await new Hurry().rest(LONG_MS, stop.signal);
  });
});
