import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { Faults } from './faults.js';
import { EventStoreStandIn } from './stand-in.js';

/**
 * A stand-in of its own process: node … main.ts [--port N]. Prints its URL; takes one JSON object a line on standard
 * input: faults to set (`{"unavailable":true}`), appends to fail (`{"appends":["drop-after"]}`), `{"drop":true}`,
 * `{"end":"cleanly"}`. Ends with its standard input.
 */
const { values } = parseArgs({ options: { port: { type: 'string' } } });
const standIn = await EventStoreStandIn.start(values.port === undefined ? {} : { port: Number(values.port) });
process.stdout.write(`${standIn.url}\n`);

interface Order extends Partial<Faults> {
  readonly drop?: boolean;
  readonly end?: 'cleanly' | 'cancelled' | 'unavailable' | 'internal';
}

for await (const line of createInterface({ input: process.stdin })) {
  const { drop, end, appends, ...switches } = JSON.parse(line) as Order;
  standIn.faults.appends.push(...(appends ?? []));
  Object.assign(standIn.faults, switches);
  if (end !== undefined) standIn.endSubscriptions(end);
  if (drop === true) standIn.dropConnections();
  process.stdout.write('done\n');
}
await standIn.close();
