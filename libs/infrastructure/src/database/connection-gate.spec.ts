import { jest } from '@jest/globals';
import { ConnectionGate } from './connection-gate.js';

/** Enters and notes it. */
async function enter(gate: ConnectionGate, name: string, order: string[]) {
  const leave = await gate.enter();
  order.push(name);
  return leave;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('ConnectionGate', () => {
  beforeEach(() => jest.useFakeTimers({ doNotFake: ['setImmediate'] }));
  afterEach(() => jest.useRealTimers());

  it('lets in as many as there are places, and the others in their order as places are given back', async () => {
    const gate = new ConnectionGate(2);
    const order: string[] = [];
    const first = await enter(gate, 'first', order);
    const second = await enter(gate, 'second', order);
    const third = enter(gate, 'third', order);
    const fourth = enter(gate, 'fourth', order);
    await turn();
    expect(order).toEqual(['first', 'second']);
    second();
    await third;
    await turn();
    expect(order).toEqual(['first', 'second', 'third']);
    first();
    await fourth;
    expect(order).toEqual(['first', 'second', 'third', 'fourth']);
  });

  it('takes a place back once, however often it is given', async () => {
    const gate = new ConnectionGate(1);
    const order: string[] = [];
    const first = await enter(gate, 'first', order);
    first();
    first();
    await enter(gate, 'second', order);
    void enter(gate, 'third', order);
    await turn();
    expect(order).toEqual(['first', 'second']);
  });

  it('is not held up by one that stays', async () => {
    const gate = new ConnectionGate(1);
    const order: string[] = [];
    const stays = await enter(gate, 'stays', order);
    const coming = enter(gate, 'next', order);
    await turn();
    expect(order).toEqual(['stays']);
    jest.advanceTimersByTime(20);
    const next = await coming;
    expect(order).toEqual(['stays', 'next']);
    // The place of the one that stayed went to the next: when it ends, none is free yet.
    stays();
    const last = enter(gate, 'last', order);
    await turn();
    expect(order).toEqual(['stays', 'next']);
    next();
    await last;
  });
});
