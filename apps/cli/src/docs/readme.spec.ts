import { fillSections } from './readme.js';

describe('the generated sections of a text', () => {
  const sections = new Map([['roles', () => '| Role |\n']]);
  const text = (inner: string): string =>
    `before\n<!-- generated:roles -->\n${inner}<!-- /generated:roles -->\nafter\n`;

  it('are written anew between their marks, and nothing else is', () => {
    const filled = fillSections(text('old\n'), sections);
    expect(filled).toBe(text('\n| Role |\n\n'));
    expect(fillSections(filled, sections)).toBe(filled);
  });

  it('are all there, and each is written by somebody', () => {
    expect(() => fillSections('nothing', sections)).toThrow('no section roles');
    expect(() => fillSections(text(''), new Map())).toThrow('nobody writes the section roles');
  });
});
