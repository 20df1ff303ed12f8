import { Archive } from './archive.js';
import { relationsOf } from './office.js';
import type { Emit } from './part-writer.js';
import type { ParseLimits } from './parse-task.js';
import { unreadable } from './parsing-errors.js';
import type { Source } from './source.js';
import { readXml } from './xml.js';

const PRESENTATION = 'ppt/presentation.xml';

/** Reads the slides of a presentation in order, each as a page with its title as a heading and its notes. */
export async function parsePptx(source: Source, limits: ParseLimits, emit: Emit): Promise<void> {
  const archive = await Archive.open(source, limits);
  if (!archive.has(PRESENTATION)) throw unreadable('mistyped');
  const slides = await slidesOf(archive);
  if (slides.length > limits.maxPages) throw unreadable('pages');
  for (const [at, slide] of slides.entries()) {
    const text = await slideText(archive, slide, false);
    const notes = (await relationsOf(archive, slide)).find(({ type }) => type === 'notesSlide')?.target;
    const spoken = notes !== undefined && archive.has(notes) ? await slideText(archive, notes, true) : '';
    await emit(`${text}${spoken}`, at + 1);
  }
  archive.close();
}

async function slidesOf(archive: Archive): Promise<readonly string[]> {
  const ids: string[] = [];
  await readXml(archive.part(PRESENTATION), {
    open: (name, attributes) => {
      const id = attributes['r:id'];
      if (name === 'sldId' && id !== undefined) ids.push(id);
    },
  });
  const targets = new Map((await relationsOf(archive, PRESENTATION)).map(({ id, target }) => [id, target]));
  return ids.map((id) => targets.get(id)).filter((target) => target !== undefined);
}

/** Of notes, the placeholders that repeat the slide's picture and its number are left out. */
async function slideText(archive: Archive, part: string, isNotes: boolean): Promise<string> {
  const slide = new SlideText(isNotes);
  await readXml(archive.part(part), slide.handlers);
  return slide.end();
}

/** Turns shapes into lines: the title with `#`, table rows with bars between their cells. */
class SlideText {
  private readonly lines: string[] = [];
  private placeholder = '';
  private line = '';
  private inText = false;
  private cells: string[] | undefined;

  constructor(private readonly isNotes: boolean) {}

  readonly handlers = {
    open: (name: string, { type = 'body' }: Readonly<Record<string, string>>): void => {
      if (name === 'sp' || name === 'graphicFrame') this.placeholder = '';
      if (name === 'ph') this.placeholder = type;
      if (name === 'tr') this.cells = [];
      if (name === 't') this.inText = true;
      if (name === 'br') this.line += this.cells === undefined ? '\n' : ' ';
    },
    close: (name: string): void => {
      if (name === 't') this.inText = false;
      if (name === 'p') this.endParagraph();
      if (name === 'tc') this.endCell();
      if (name === 'tr') this.endRow();
      if (name === 'sp' || name === 'graphicFrame') this.placeholder = '';
    },
    text: (text: string): void => {
      if (this.inText) this.line += text;
    },
  };

  end(): string {
    return this.lines.length === 0 ? '' : `${this.lines.join('\n')}\n\n`;
  }

  private endParagraph(): void {
    if (this.cells !== undefined) {
      this.line += ' ';
      return;
    }
    const line = this.line.trim();
    this.line = '';
    if (line === '' || (this.isNotes && /^(?:sldNum|sldImg|hdr|ftr|dt)$/u.test(this.placeholder))) return;
    this.lines.push(/^(?:title|ctrTitle)$/u.test(this.placeholder) ? `# ${line}\n` : line);
  }

  private endCell(): void {
    this.cells?.push(this.line.replace(/\s+/gu, ' ').trim());
    this.line = '';
  }

  private endRow(): void {
    const { cells = [] } = this;
    this.cells = undefined;
    if (cells.some((cell) => cell !== '')) this.lines.push(cells.join(' | ').trim());
  }
}
