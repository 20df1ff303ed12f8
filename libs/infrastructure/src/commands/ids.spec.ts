import { v5, validate, version } from 'uuid';
import { derivedId, idFor, newId } from './ids.js';

const NAMESPACE = 'b7f2a0de-2f1c-4c55-9d0e-6a1a5d6e0c11';

describe('a new id', () => {
  // More than one filling of random bytes, and many within a millisecond.
  const ids = Array.from({ length: 2_000 }, newId);

  it('is a uuid v7', () => {
    expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  });

  it('is greater than the one before', () => {
    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('shares its random end with no other', () => {
    expect(new Set(ids.map((id) => id.slice(-10))).size).toBe(ids.length);
  });
});

describe('an id of a name', () => {
  it('is the uuid v5 of its parts', () => {
    for (let at = 0; at < 64; at += 1)
      expect(idFor('document', 'acme', `Übersicht ${at}`)).toBe(v5(`document\nacme\nÜbersicht ${at}`, NAMESPACE));
    expect(derivedId('3d2f', 7)).toBe(v5('3d2f\n7', NAMESPACE));
    expect(idFor('', '', '\u{1f600}')).toBe(v5('\n\n\u{1f600}', NAMESPACE));
  });
});
