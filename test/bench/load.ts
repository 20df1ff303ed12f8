import autocannon from 'autocannon';

/** A process of its own, so that making load takes no time from the server's event loop: `load.js URL CLIENTS SECONDS [AUTHORIZATION]`. */
const [, , url = '', clients = '1', seconds = '5', authorization] = process.argv;

export interface LoadReport {
  readonly perSecond: number;
  /** Milliseconds of each answer. */
  readonly took: readonly number[];
  readonly failed: number;
}

const took: number[] = [];
const options = {
  url,
  connections: Number(clients),
  duration: Number(seconds),
  headers: authorization === undefined ? {} : { authorization },
};
const running = autocannon(options, (_error, result) => {
  const failed = result.errors + result.timeouts + result.non2xx;
  const report: LoadReport = { perSecond: took.length / result.duration, took, failed };
  process.stdout.write(JSON.stringify(report));
});
running.on('response', (_client, _status, _bytes, millis) => took.push(millis));
