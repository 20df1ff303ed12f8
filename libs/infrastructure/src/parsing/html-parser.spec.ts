import { textRead } from '#test/support/parsed.js';
import { parseHtml } from './html-parser.js';

const read = (html: string): Promise<string> => textRead(parseHtml, html);
const xhtml = (html: string | Buffer): Promise<string> =>
  textRead((source, charset, emit) => parseHtml(source, charset, emit, { xhtml: true }), html);

describe('the text of a page', () => {
  it('is that inside of a form, without its controls', async () => {
    const controls = '<input value="a"><select><option>b</select><textarea>c</textarea><button>d</button>';
    expect(await read(`<body><form><h1>Care</h1><p>Descale it.</p>${controls}</form></body>`)).toBe(
      '# Care\n\nDescale it.',
    );
  });

  it('is what stands beside a comment that is an article', async () => {
    const post = '<div><p>The kettle is descaled every week with vinegar.</p></div>';
    expect(await read(`<body>${post}<article>Thanks!</article></body>`)).toBe(
      'The kettle is descaled every week with vinegar.\n\nThanks!',
    );
  });

  it('is that of its articles where they hold most of it', async () => {
    const post = '<article><p>The kettle is descaled every week with vinegar.</p></article>';
    expect(await read(`<body><div>Home</div>${post}</body>`)).toBe('The kettle is descaled every week with vinegar.');
  });

  it('is that of its one main, however little it is', async () => {
    const beside = `<div>${'Read on. '.repeat(20)}</div><article>Thanks!</article>`;
    expect(await read(`<body>${beside}<main>Descale it.</main></body>`)).toBe('Descale it.');
    expect(await read(`<body><main></main><div>Descale it.</div></body>`)).toBe('Descale it.');
    expect(await read(`<body><main>Hi</main><main>you</main>${beside}</body>`)).toContain('Read on.');
  });

  it('is read of XHTML with tags that are closed at once, CDATA and names of characters', async () => {
    const page =
      '<?xml version="1.0"?><html><head><title/><script src="a.js"/></head>' +
      '<body><p>Caf&eacute;<br/><![CDATA[5 < 6 > 4]]></p></body></html>';
    expect(await xhtml(page)).toBe('Café\n5 < 6 > 4');
  });

  it('is decoded as the first line of XHTML tells', async () => {
    const page = '<?xml version="1.0" encoding="iso-8859-5"?><html><body><p>\xb0\xb1</p></body></html>';
    expect(await xhtml(Buffer.from(page, 'latin1'))).toBe('АБ');
  });
});

describe('a row of a table', () => {
  it('keeps apart the blocks of a cell', async () => {
    expect(await read('<table><tr><td><div>Phone 123</div><div>Mail x</div></td><td>Bonn</td></tr></table>')).toBe(
      'Phone 123 Mail x | Bonn',
    );
  });

  it('keeps a table that stands in a cell, and goes on after it', async () => {
    const inner = '<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>';
    const rows = `<tr><td>North</td><td>${inner}</td><td>South</td></tr><tr><td>1</td><td>2</td></tr>`;
    expect(await read(`<table>${rows}</table><p>Then.</p><p>Last.</p>`)).toBe(
      'North | a | b; c | d | South\n1 | 2\n\nThen.\n\nLast.',
    );
  });

  it('leaves the lines of a large table in a cell as they are', async () => {
    const inner = `<table>${'<tr><td>kettle</td><td>green</td></tr>'.repeat(40)}</table>`;
    const page = await read(`<table><tr><td>Menu</td><td><p>Stock</p>${inner}<p>Sold</p><p>out</p></td></tr></table>`);
    expect(page).toMatch(/^Menu \| Stock\n\nkettle \| green\nkettle \| green\n/u);
    expect(page).toMatch(/kettle \| green\n\nSold\n\nout$/u);
  });

  it('ends with its table where no row was begun', async () => {
    expect(await read('<table><td>a</td></table><p>b</p><p>c</p>')).toBe('a\n\nb\n\nc');
  });
});
