import { createHmac } from 'node:crypto';
import { Secret } from '#infra/config/secret.js';
import { CircuitBreaker } from '#infra/shared-state/circuit-breaker.js';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import { Outbound } from '#infra/shared-state/outbound.js';
import { WebhookSender, type WebhookSettings } from '#infra/webhooks/webhook-sender.js';
import { WebhookReceiver, type Manner } from '#test/support/webhook-receiver.js';

const NOW = Date.parse('2026-01-02T03:04:05.678Z');
const message = { id: 'delivery-1', event: 'quota.soft_cap_reached', body: '{"a":"ü"}' };

describe('a webhook', () => {
  let receiver: WebhookReceiver;
  beforeEach(async () => {
    receiver = await WebhookReceiver.open();
  });
  afterEach(() => receiver.close());

  function sender(over: Partial<WebhookSettings> = {}): WebhookSender {
    const breaker = new CircuitBreaker(new MemorySharedState(), { failures: 3 });
    return new WebhookSender(
      {
        integration: 'billing.webhook',
        url: receiver.url,
        secret: new Secret('a-secret-of-the-tests'),
        timeoutMs: 60_000,
        attempts: 2,
        pauseMs: 1,
        headers: { signature: 'x-billing-signature', event: 'x-billing-event' },
        ...over,
      },
      new Outbound(breaker),
      () => NOW,
    );
  }

  it('carries the signature of its raw body, and a second one over its id and its time', async () => {
    expect(await sender().send(message)).toEqual({ kind: 'delivered', statusCode: 200 });
    const received = receiver.received[0];
    const body = received?.body ?? '';
    expect(body).toBe(message.body);
    const hex = createHmac('sha256', 'a-secret-of-the-tests').update(Buffer.from(body)).digest('hex');
    expect(received?.headers).toMatchObject({
      'content-type': 'application/json',
      'x-billing-signature': hex,
      'x-billing-event': 'quota.soft_cap_reached',
      'webhook-id': 'delivery-1',
      'webhook-timestamp': '1767323045',
    });
    const signed = createHmac('sha256', 'a-secret-of-the-tests')
      .update(`delivery-1.1767323045.${body}`)
      .digest('base64');
    expect(received?.headers['webhook-signature']).toBe(`v1,${signed}`);
  });

  it('is signed with the bytes of a key that is given in base64', async () => {
    const key = Buffer.from('the bytes of a key');
    await sender({ secret: new Secret(`whsec_${key.toString('base64')}`) }).send(message);
    const signed = createHmac('sha256', key).update(`delivery-1.1767323045.${message.body}`).digest('base64');
    expect(receiver.received[0]?.headers['webhook-signature']).toBe(`v1,${signed}`);
  });

  it.each<[Manner]>([[500], [502], ['drop'], ['garbage'], [408], [425], [429]])(
    'is sent again at once under the same id after %j, and then it is delivered',
    async (manner) => {
      receiver.manners.push(manner);
      expect(await sender().send(message)).toEqual({ kind: 'delivered', statusCode: 200 });
      expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual(['delivery-1', 'delivery-1']);
    },
  );

  it.each([
    ['500', [500, 503] as Manner[], 503, 'status 503'],
    ['a dropped connection', ['drop', 'drop'] as Manner[], null, 'network error'],
    ['an answer that is no HTTP', ['garbage', 'garbage'] as Manner[], null, 'network error'],
    ['silence', ['hang', 'hang'] as Manner[], null, 'INTEGRATION_TIMEOUT'],
  ])('may be tried later after %s', async (_, manners, statusCode, reason) => {
    receiver.manners.push(...manners);
    // Short only where it is what ends the call: a busy machine is slow with any other, too.
    const settings = reason === 'INTEGRATION_TIMEOUT' ? { timeoutMs: 150 } : {};
    const outcome = await sender(settings).send(message);
    expect(outcome).toEqual({ kind: 'failed', statusCode, reason, retryAfterSeconds: null });
  });

  it.each([
    ['7', 7],
    ['Fri, 02 Jan 2026 03:05:05 GMT', 60],
    ['999999', 3_600],
  ])('waits for as long as the receiver says: Retry-After %s', async (value, retryAfterSeconds) => {
    receiver.manners.push({ status: 429, headers: { 'retry-after': value } });
    const outcome = await sender().send(message);
    expect(outcome).toEqual({ kind: 'failed', statusCode: 429, reason: 'status 429', retryAfterSeconds });
    expect(receiver.received).toHaveLength(1);
  });

  it.each([400, 401, 404, 410, 301, 307])('is over after %i, and follows no redirect', async (status) => {
    receiver.manners.push({ status, headers: { location: `${receiver.url}/elsewhere` } });
    expect(await sender().send(message)).toEqual({ kind: 'refused', statusCode: status });
    expect(receiver.received).toHaveLength(1);
  });

  it('does not read an answer without an end', async () => {
    receiver.manners.push('endless');
    expect(await sender().send(message)).toEqual({ kind: 'delivered', statusCode: 200 });
  });

  it('is not sent at all for a while when the receiver has failed too often', async () => {
    const one = sender({ attempts: 1 });
    receiver.manners.push(500, 500, 500);
    for (let at = 0; at < 3; at += 1) await one.send(message);
    expect(await one.send(message)).toMatchObject({ kind: 'failed', reason: 'INTEGRATION_UNAVAILABLE' });
    expect(receiver.received).toHaveLength(3);
  });

  it('rejects only when its caller gives up', async () => {
    receiver.manners.push('hang');
    const caller = new AbortController();
    const sending = sender({ timeoutMs: 10_000 }).send(message, caller.signal);
    caller.abort(new Error('enough'));
    await expect(sending).rejects.toThrow('enough');
  });
});
