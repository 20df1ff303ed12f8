import { World } from '#test/surface/world.js';
import { Fuzzer, type FuzzReport } from './fuzzer.js';

const REQUESTS = 1_000;

/** A busy machine takes its time; what is promised is not when. */
const PATIENCE_MS = 600_000;
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_260);

describe(`${REQUESTS} requests that a stranger might send (FUZZ_SEED=${SEED})`, () => {
  let world: World;
  let report: FuzzReport;
  beforeAll(async () => {
    world = await World.open();
    report = await Fuzzer.run(world, { requests: REQUESTS, seed: SEED });
  }, PATIENCE_MS);
  afterAll(() => world.close());

  it('get answers that are declared, none of them a fault, and tell nothing of others or of our insides', () => {
    expect(report.findings).toEqual([]);
  });

  it('reach nearly every endpoint behind its gates', () => {
    const missed = world.operations.filter(({ title }) => !report.reached.has(title)).map(({ title }) => title);
    expect(missed.length).toBeLessThan(world.operations.length / 5);
  });

  it('leave the heap as it was', () => {
    const [warm = 0, ...later] = report.heap;
    expect(later).toHaveLength(4);
    // Modules that load at their first use are in it, and what else lives in this worker; `npm run fuzz` looks closer.
    expect(Math.max(...later) - warm).toBeLessThan(64 * 1_048_576);
  });
});
