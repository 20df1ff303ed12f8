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
  const lines: string[] = [];
  let placeholder = '';
  let line = '';
  let inText = false;
  await readXml(archive.part(part), {
    open: (name, { type = 'body' }) => {
      if (name === 'sp') placeholder = '';
      if (name === 'ph') placeholder = type;
      if (name === 't') inText = true;
      if (name === 'br') line += '\n';
    },
    close: (name) => {
      if (name === 't') inText = false;
      if (name === 'tc' && line.trim() !== '') line += ' | ';
      if (name !== 'p' || line.trim() === '') return;
      if (!(isNotes && /^(?:sldNum|sldImg|hdr|ftr|dt)$/u.test(placeholder)))
        lines.push(/^(?:title|ctrTitle)$/u.test(placeholder) ? `# ${line.trim()}\n` : line.trim());
      line = '';
    },
    text: (text) => {
      if (inText) line += text;
    },
  });
  return lines.length === 0 ? '' : `${lines.join('\n')}\n\n`;
}
