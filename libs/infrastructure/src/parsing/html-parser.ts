import { Parser } from 'htmlparser2';
import type { Emit } from './part-writer.js';
import { unreadable } from './parsing-errors.js';
import type { Source } from './source.js';

type Attributes = Readonly<Record<string, string>>;

const MOST_DEPTH = 1_000;
/** Of a form only its controls are left out: some pages are one form as a whole. */
const skipped = new Set(
  'script style noscript template svg math canvas iframe object embed nav aside footer button select textarea datalist head'.split(
    ' ',
  ),
);
const blocks = new Set(
  'p div section article main header form fieldset legend ul ol dl dt dd table blockquote pre figure figcaption address details summary hr body'.split(
    ' ',
  ),
);
const voids = new Set('area base br col embed hr img input link meta source track wbr'.split(' '));

export interface HtmlOptions {
  /** Whether it is XHTML, which may close any tag at once and hold CDATA. */
  readonly xhtml: boolean;
}

/** Reads the main text of a page: of its one `main`, or of its articles if they are most of it; no scripts, menus or controls. */
export async function parseHtml(
  source: Source,
  charset: string | undefined,
  emit: Emit,
  options?: HtmlOptions,
): Promise<void> {
  const decoder = source.decoder(charset ?? toldCharset(source.read(0, 1_024)));
  const page = new HtmlText(options);
  for (const piece of source.pieces()) page.write(decoder.decode(piece, { stream: true }));
  page.write(decoder.decode());
  await emit(page.end());
}

/** The text of HTML that is in memory. */
export function textOfHtml(html: string): string {
  const page = new HtmlText();
  page.write(html);
  return page.end();
}

/** What a page tells in its `meta`, or in the first line of XHTML. */
function toldCharset(head: Buffer): string | undefined {
  const told = /(?:<meta[^>]+charset|^<\?xml[^>]+encoding)\s*=\s*["']?([\w.:-]{1,40})/iu;
  const found = told.exec(head.toString('latin1'))?.[1]?.toLowerCase();
  // A page that names UTF-16 in ASCII letters is not UTF-16.
  if (found === undefined || found.startsWith('utf-16')) return undefined;
  try {
    return new TextDecoder(found).encoding;
  } catch {
    return undefined;
  }
}

/** A table inside a cell with at most so many characters stands in its row; a larger one, as in pages laid out by tables, does not. */
const LONGEST_CELL = 500;

/** A row whose cell holds a table: what was read of it, and the line that stands for it before those of the table. */
interface OuterRow {
  readonly line: string;
  readonly cells: number;
  readonly place: Line;
  readonly at: number;
  readonly depth: number;
}

interface Line {
  text: string;
  readonly inMain: boolean;
  readonly inArticle: boolean;
}

/** Turns tags into lines: headings with `#`, list items with `-`, table rows with bars between their cells. */
class HtmlText {
  private readonly lines: Line[] = [];
  private mains = 0;
  private title = '';
  private inTitle = false;
  private depth = 0;
  private skippedAt: number | undefined;
  private mainAt: number | undefined;
  private articleAt: number | undefined;
  private preAt: number | undefined;
  private line = '';
  private cells = 0;
  private readonly outer: OuterRow[] = [];
  private readonly parser: Parser;

  constructor({ xhtml }: HtmlOptions = { xhtml: false }) {
    this.parser = new Parser(
      {
        onopentag: (name, attributes) => this.open(name, attributes),
        onclosetag: (name) => this.close(name),
        ontext: (text) => this.text(text),
      },
      // The XML mode would not know the names of characters that XHTML has, such as &nbsp;.
      { decodeEntities: true, lowerCaseTags: true, recognizeSelfClosing: xhtml, recognizeCDATA: xhtml },
    );
  }

  write(html: string): void {
    this.parser.write(html);
  }

  end(): string {
    this.parser.end();
    this.breakLine('\n\n');
    const body = this.mainText();
    const title = this.title.replace(/\s+/gu, ' ').trim();
    const text = title === '' || body.slice(0, 500).includes(title) ? body : `# ${title}\n\n${body}`;
    return text.replaceAll('\0', '').toWellFormed();
  }

  /** A comment is an article too, so that articles are believed only where they hold half of the page. */
  private mainText(): string {
    const main = textOf(this.lines.filter(({ inMain }) => inMain));
    if (this.mains === 1 && main !== '') return main;
    const all = textOf(this.lines);
    const articles = textOf(this.lines.filter(({ inMain, inArticle }) => inMain || inArticle));
    return articles.length >= all.length / 2 ? articles : all;
  }

  private open(name: string, attributes: Attributes): void {
    this.depth += 1;
    if (this.depth > MOST_DEPTH) throw unreadable('nested');
    if (name === 'title' && this.title === '') this.inTitle = true;
    if (this.skippedAt !== undefined) return;
    if (isSkipped(name, attributes)) {
      this.skippedAt = this.depth;
      return;
    }
    if (name === 'pre') this.preAt ??= this.depth;
    this.begin(name, attributes);
    this.enter(name);
  }

  private enter(name: string): void {
    if (name === 'article') this.articleAt ??= this.depth;
    if (name !== 'main') return;
    this.mains += 1;
    this.mainAt ??= this.depth;
  }

  private begin(name: string, attributes: Attributes): void {
    const level = headingLevel(name);
    if (level > 0) {
      this.breakLine('\n\n');
      this.line = `${'#'.repeat(level)} `;
      return;
    }
    switch (name) {
      case 'li':
        this.breakLine('\n');
        this.line = '- ';
        return;
      case 'tr':
        this.breakLine('\n');
        this.cells = 0;
        return;
      case 'td':
      case 'th':
        if (this.cells > 0) this.line += ' | ';
        this.cells += 1;
        return;
      case 'table':
        return this.beginTable();
      case 'br':
        return this.breakLine('\n');
      case 'img':
        this.line += attributes['alt'] ?? '';
        return;
      default:
        if (this.line.trim() !== '-') this.endBlock(name);
    }
  }

  private beginTable(): void {
    if (this.cells === 0) return this.breakLine('\n\n');
    const at = this.lines.length;
    this.outer.push({ line: this.line, cells: this.cells, place: this.keep(''), at, depth: this.depth });
    this.line = '';
    this.cells = 0;
  }

  private endTable(): void {
    this.breakLine('\n\n');
    this.cells = 0;
    const row = this.outer.at(-1);
    if (row?.depth !== this.depth) return;
    this.outer.pop();
    if (this.isLongerThan(LONGEST_CELL, row.at)) {
      const said = row.line.replace(/ {2,}/gu, ' ').trim();
      if (said !== '') row.place.text = `${said}\n\n`;
      return;
    }
    const rows = this.lines.splice(row.at).map(({ text }) => text.trim());
    this.line = `${row.line} ${rows.filter((text) => text !== '').join('; ')} `;
    this.cells = row.cells;
  }

  private isLongerThan(length: number, from: number): boolean {
    let sum = 0;
    for (let at = from; at < this.lines.length && sum <= length; at++) sum += this.lines[at]?.text.length ?? 0;
    return sum > length;
  }

  private close(name: string): void {
    if (name === 'title') this.inTitle = false;
    if (this.skippedAt === undefined) this.finish(name);
    if (this.skippedAt === this.depth) this.skippedAt = undefined;
    if (this.mainAt === this.depth) this.mainAt = undefined;
    if (this.articleAt === this.depth) this.articleAt = undefined;
    if (this.preAt === this.depth) this.preAt = undefined;
    this.depth -= 1;
  }

  private finish(name: string): void {
    if (name === 'li' || name === 'tr') this.breakLine('\n');
    if (name === 'tr') this.cells = 0;
    if (name === 'table') return this.endTable();
    if (headingLevel(name) > 0) this.breakLine('\n\n');
    else this.endBlock(name);
  }

  /** Blocks inside a table's cell stay on its line, apart from each other. */
  private endBlock(name: string): void {
    if (!blocks.has(name)) return;
    if (this.cells === 0) this.breakLine('\n\n');
    else this.line += ' ';
  }

  private text(text: string): void {
    if (this.inTitle) this.title += text;
    if (this.skippedAt !== undefined) return;
    if (this.preAt !== undefined) this.line += text;
    else this.line += text.replace(/\s+/gu, ' ');
  }

  private breakLine(end: string): void {
    const line = this.preAt === undefined ? this.line.replace(/ {2,}/gu, ' ').trim() : this.line.trimEnd();
    const said = /^(?:#+|-)?$/u.test(line) ? '' : line;
    this.line = '';
    const last = this.lines.at(-1)?.text ?? '';
    if (said === '' && (end === '\n' || last === '\n' || last.endsWith('\n\n'))) return;
    const text = said === '' ? '\n' : said + end;
    this.keep(text);
  }

  private keep(text: string): Line {
    const line = { text, inMain: this.mainAt !== undefined, inArticle: this.articleAt !== undefined };
    this.lines.push(line);
    return line;
  }
}

function textOf(lines: readonly Line[]): string {
  return lines
    .map(({ text }) => text)
    .join('')
    .trim();
}

function isSkipped(name: string, attributes: Attributes): boolean {
  return (skipped.has(name) || isHidden(attributes)) && !voids.has(name);
}

function headingLevel(name: string): number {
  return /^h[1-6]$/u.test(name) ? Number(name[1]) : 0;
}

function isHidden(attributes: Attributes): boolean {
  return (
    'hidden' in attributes ||
    attributes['aria-hidden'] === 'true' ||
    /display\s*:\s*none/iu.test(attributes['style'] ?? '')
  );
}
