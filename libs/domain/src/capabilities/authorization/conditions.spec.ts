import type { Json } from '../../kernel/schema.js';
import { compileCondition, type Facts } from './condition-closures.ports.js';
import { ConditionProblem, parseCondition } from './condition.ports.js';

const limits = { maxBytes: 16_384, maxDepth: 8 };
const facts: Facts = {
  principal: { id: 'ada', role: 'reader', groups: ['cooks'] },
  resource: { labels: { team: 'legal', made: '2026-01-31T23:30:00Z', at: '23:30' }, metadata: { year: 1999 } },
};

function holds(condition: Json): boolean {
  const parsed = parseCondition(condition, limits);
  if (parsed instanceof ConditionProblem) throw new Error(parsed.reason);
  return compileCondition(parsed)(facts);
}
const problemOf = (condition: Json, over = {}): string => {
  const parsed = parseCondition(condition, { ...limits, ...over });
  return parsed instanceof ConditionProblem ? parsed.kind : 'none';
};
const team = { var: 'resource.labels.team' };
const nothing = { var: 'resource.labels.nothing' };
const year = { var: 'resource.metadata.year' };

describe('a condition', () => {
  it.each<[Json, boolean]>([
    [{}, true],
    [null, true],
    [false, false],
    [{ all: [] }, true],
    [{ any: [] }, false],
    [{ not: { eq: [team, 'legal'] } }, false],
    [{ eq: { field: 'resource.labels.team', value: 'legal' } }, true],
    [{ eq: { left: 'legal', right: team } }, true],
    [{ eq: [nothing, null] }, true],
    [{ ne: [nothing, 'x'] }, true],
    [{ in: ['cooks', { var: 'principal.groups' }] }, true],
    [{ in: [team, 'legal'] }, true],
    [{ in: [team, nothing] }, false],
    [{ not_in: [team, nothing] }, true],
    [{ lt: [year, 2_000] }, true],
    [{ gte: [nothing, 1] }, false],
    [{ lte: [team, 1] }, false],
    [{ contains: [team, 'ega'] }, true],
    [{ contains: [year, 1] }, false],
    [{ contains: [{ var: 'principal.groups' }, 'cooks'] }, true],
    [{ starts_with: [team, 'le'] }, true],
    [{ starts_with: [year, '19'] }, false],
    [{ time_between: [{ var: 'resource.labels.at' }, { start: '22:00', end: '06:00' }] }, true],
    [{ time_between: [{ var: 'resource.labels.made' }, { start: '06:00', end: '22:00' }] }, false],
    [{ time_between: [team, { start: '00:00', end: '23:59' }] }, false],
    [{ date_between: [{ var: 'resource.labels.made' }, { start: '2026-01-01', end: '2026-01-31' }] }, true],
    [{ date_between: ['2026-02-01', { start: '2026-01-31T23:00:00-02:00', end: '2026-03-01T00:00:00Z' }] }, false],
    [{ date_between: [team, { start: '2026-01-01', end: '2026-01-31' }] }, false],
  ])('%j is %s', (condition, expected) => {
    expect(holds(condition)).toBe(expected);
  });

  it.each<[Json]>([
    ['x'],
    [[]],
    [{ like: ['a', 'b'] }],
    [{ eq: ['a'] }],
    [{ eq: ['a', 'b', 'c'] }],
    [{ eq: { field: 1, value: 2 } }],
    [{ eq: ['a', 'b'], ne: ['a', 'b'] }],
    [{ all: {} }],
    [{ not: [] }],
    [{ gt: [team, true] }],
    [{ starts_with: [team, 1] }],
    [{ eq: [{ var: 'principal.rol' }, 'x'] }],
    [{ eq: [{ var: 1 }, 'x'] }],
    [{ eq: [team, 'a\0b'] }],
    [{ eq: [team, '\ud800'] }],
    [{ time_between: [team, { start: '25:00', end: '26:00' }] }],
    [{ date_between: [team, { start: '2026-02-30', end: '2026-03-01' }] }],
    [{ date_between: [team, { start: '2026-02-01' }] }],
  ])('is not saved as %j', (condition) => {
    expect(problemOf(condition)).toBe('invalid');
  });

  it('is bounded in bytes and in depth, where a comparison alone is 2 deep', () => {
    expect(problemOf({ eq: [1, 1] }, { maxDepth: 2 })).toBe('none');
    expect(problemOf({ eq: [1, 1] }, { maxDepth: 1 })).toBe('too_complex');
    expect(problemOf({ all: [{ not: { eq: [1, 1] } }] }, { maxDepth: 3 })).toBe('too_complex');
    expect(problemOf({ all: [{ not: { eq: [1, 1] } }] }, { maxDepth: 4 })).toBe('none');
    expect(problemOf({ eq: ['é'.repeat(50), 1] }, { maxBytes: 100 })).toBe('too_complex');
  });
});
