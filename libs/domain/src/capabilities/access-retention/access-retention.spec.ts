import { specify } from '../../kernel/testing/given.js';
import { accessRetention } from './access-retention.decider.js';
import { cutAccessLogBefore } from './access-retention.handler.js';
import type { AccessRetentionPorts } from './access-retention.ports.js';

const plan = { leaves: 256, position: '00000000000000000256', recordedBefore: '2026-01-01T00:00:00.000Z' };
const later = { ...plan, leaves: 512, position: '00000000000000000512' };
const cut = { type: 'AccessLogCut', data: { log: 'access', ...plan } } as const;

describe('the retention of the access log', () => {
  it('is told as an event, once, and never goes back', () => {
    const command = { type: 'CutAccessLog', data: plan } as const;
    specify(accessRetention).given().when(command).then(cut);
    specify(accessRetention).given(cut).when(command).thenNothing();
    const further = { ...cut, data: { log: 'access', ...later } };
    specify(accessRetention).given(cut).when({ type: 'CutAccessLog', data: later }).then(further);
    specify(accessRetention).given(cut, further).when(command).thenNothing();
  });

  it('tells of a cut before it makes it, and finishes one that was interrupted', async () => {
    const steps: string[] = [];
    const ports = (found: typeof plan | undefined) =>
      ({
        commands: {
          run: () => Promise.resolve(void steps.push('told')),
          load: () => Promise.resolve({ position: plan.position }),
        },
        accessLog: {
          keptSince: () => plan.recordedBefore,
          cutFor: () => Promise.resolve(found),
          remove: (upTo: string) => Promise.resolve(steps.push(`removed to ${upTo}`)),
        },
      }) as unknown as AccessRetentionPorts;
    const run = { commandId: 'c1', signal: new AbortController().signal };
    await cutAccessLogBefore(plan.recordedBefore, run, ports(plan));
    await cutAccessLogBefore(plan.recordedBefore, run, ports(undefined));
    expect(steps).toEqual(['told', `removed to ${plan.position}`, `removed to ${plan.position}`]);
  });
});
