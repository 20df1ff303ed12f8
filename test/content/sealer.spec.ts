import fc from 'fast-check';
import { defineEvents } from '#domain/kernel/events.js';
import { t, type JsonObject } from '#domain/kernel/schema.js';
import type { KeyStore } from '#infra/content/content-store.js';
import { SealBroken } from '#infra/crypto/aes.js';
import { openPersonal, personalAad, personSubject, sealPersonal } from '#infra/crypto/personal.js';
import { isSealed, KeySealer } from '#infra/crypto/sealer.js';
import { fileHome, type KeyStoreHome } from './key-stores.js';

const ada = personSubject('acme', 'ada');
const audit = { type: 'x.y.z', category: 'data', outcome: 'success', resource: ['person', 'personId'] } as const;
const { PersonNamed } = defineEvents({
  PersonNamed: {
    version: 1,
    audit,
    data: {
      personId: t.string,
      name: t.personal('personId'),
      nick: t.optional(t.nullable(t.personal('personId'))),
      phones: t.array(t.personal('personId')),
      friends: t.array(t.object({ friendId: t.string, name: t.personal('friendId') })),
      title: t.string,
    },
  },
});
const context = { tenantId: 'acme', stream: 'people-acme.1', eventId: 'e-1' };
const clear: JsonObject = {
  personId: 'ada',
  name: 'Ada Canary',
  nick: null,
  phones: ['1', '2'],
  friends: [{ friendId: 'bob', name: 'Bob Canary' }],
  title: 'Countess',
};

describe('the sealer', () => {
  let home: KeyStoreHome;
  let keys: KeyStore;
  let sealer: KeySealer;

  beforeAll(async () => {
    home = await fileHome();
    keys = await home.open();
    sealer = new KeySealer(keys);
  });
  afterAll(async () => {
    await keys.close();
    await home.remove();
  });

  it('opens every text that it sealed, and only in its tenant and context', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.string(), async (text, aad) => {
        const sealed = await sealer.seal(ada, text, aad);
        expect(isSealed(sealed)).toBe(true);
        expect(await sealer.open('acme', sealed, aad)).toBe(text);
        expect(await sealer.open('other', sealed, aad)).toBeUndefined();
        await expect(sealer.open('acme', sealed, `${aad}!`)).rejects.toThrow(SealBroken);
      }),
    );
  });

  it('gives a text that was never sealed as it is', async () => {
    const texts = ['hello', 'sealed:v1:', 'sealed:v1:not-a-key:AAAA'].map((sealed) => ({ sealed, aad: '' }));
    expect(await sealer.openMany('acme', texts)).toEqual(texts.map((entry) => entry.sealed));
  });

  it('seals a text that looks sealed already', async () => {
    const sealed = await sealer.seal(ada, 'a', 'x');
    expect(await sealer.open('acme', await sealer.seal(ada, sealed, 'x'), 'x')).toBe(sealed);
  });

  it('seals every personal field of an event, nested ones too, and nothing else', async () => {
    const sealed = await sealPersonal(PersonNamed, clear, context, sealer);
    expect(JSON.stringify(sealed)).not.toContain('Canary');
    expect(sealed).toMatchObject({ personId: 'ada', nick: null, title: 'Countess', friends: [{ friendId: 'bob' }] });
    for (const phone of sealed['phones'] as string[]) expect(isSealed(phone)).toBe(true);
    expect(await openPersonal(PersonNamed, sealed, context, sealer)).toEqual(clear);
    const name = await sealer.open('acme', sealed['name'] as string, personalAad(context.stream, 'name'));
    expect(name).toBe('Ada Canary');
  });

  it('refuses a personal field whose person has no id', async () => {
    const { personId: _, ...nobody } = clear;
    await expect(sealPersonal(PersonNamed, nobody, context, sealer)).rejects.toThrow('names no person');
  });

  it('shows null for the fields of a forgotten person, and the rest as before', async () => {
    const sealed = await sealPersonal(PersonNamed, clear, context, sealer);
    await keys.destroy(ada);
    expect(await openPersonal(PersonNamed, sealed, context, sealer)).toEqual({
      ...clear,
      name: null,
      phones: [null, null],
    });
  });
});
