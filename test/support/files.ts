import { deflateSync } from 'node:zlib';
import { zipOf, type ZipPart } from './zip.js';

const OFFICE = 'application/vnd.openxmlformats-officedocument';

/** The media types of files that are made here. */
export const types = {
  pdf: 'application/pdf',
  docx: `${OFFICE}.wordprocessingml.document`,
  xlsx: `${OFFICE}.spreadsheetml.sheet`,
  pptx: `${OFFICE}.presentationml.presentation`,
  html: 'text/html',
  csv: 'text/csv',
  markdown: 'text/markdown',
  text: 'text/plain',
  json: 'application/json',
} as const;

const XML = '<?xml version="1.0" encoding="UTF-8"?>';
const RELATIONS = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006';

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

function contentTypes(): ZipPart {
  const defaults =
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>';
  return { name: '[Content_Types].xml', data: `${XML}<Types xmlns="${PACKAGE}/content-types">${defaults}</Types>` };
}

function relations(name: string, targets: readonly (readonly [id: string, type: string, target: string])[]): ZipPart {
  const rows = targets.map(
    ([id, type, target]) => `<Relationship Id="${id}" Type="${RELATIONS}/${type}" Target="${target}"/>`,
  );
  return { name, data: `${XML}<Relationships xmlns="${PACKAGE}/relationships">${rows.join('')}</Relationships>` };
}

const WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';

/** A paragraph of a Word document; with a level it is a heading. */
export function wordParagraph(text: string, level?: number): string {
  const style = level === undefined ? '' : `<w:pPr><w:pStyle w:val="Heading${level}"/></w:pPr>`;
  return `<w:p>${style}<w:r><w:t xml:space="preserve">${escaped(text)}</w:t></w:r></w:p>`;
}

/** The parts of a Word document whose body is this XML. */
export function wordParts(body: string): ZipPart[] {
  const style = (level: number): string =>
    `<w:style w:type="paragraph" w:styleId="Heading${level}"><w:name w:val="heading ${level}"/></w:style>`;
  return [
    contentTypes(),
    relations('_rels/.rels', [['r1', 'officeDocument', 'word/document.xml']]),
    relations('word/_rels/document.xml.rels', [['r1', 'styles', 'styles.xml']]),
    { name: 'word/styles.xml', data: `${XML}<w:styles ${WORD}>${style(1)}${style(2)}</w:styles>` },
    { name: 'word/document.xml', data: `${XML}<w:document ${WORD}><w:body>${body}</w:body></w:document>` },
  ];
}

export const docx = (body: string): Buffer => zipOf(wordParts(body));

const SHEETS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"';

export function sheetParts(rows: readonly (readonly (string | number)[])[], sheetXml?: string): ZipPart[] {
  const cell = (value: string | number, column: number, row: number): string => {
    const place = `${String.fromCharCode(65 + column)}${row + 1}`;
    if (typeof value === 'number') return `<c r="${place}"><v>${value}</v></c>`;
    return `<c r="${place}" t="inlineStr"><is><t>${escaped(value)}</t></is></c>`;
  };
  const lines = rows.map((row, at) => `<row r="${at + 1}">${row.map((value, c) => cell(value, c, at)).join('')}</row>`);
  const sheet = `${XML}<worksheet ${SHEETS}><sheetData>${lines.join('')}</sheetData></worksheet>`;
  const workbook = `<workbook ${SHEETS} xmlns:r="${RELATIONS}"><sheets><sheet name="Stock" sheetId="1" r:id="r1"/></sheets></workbook>`;
  return [
    contentTypes(),
    relations('_rels/.rels', [['r1', 'officeDocument', 'xl/workbook.xml']]),
    relations('xl/_rels/workbook.xml.rels', [['r1', 'worksheet', 'worksheets/sheet1.xml']]),
    { name: 'xl/workbook.xml', data: `${XML}${workbook}` },
    { name: 'xl/worksheets/sheet1.xml', data: sheetXml ?? sheet },
  ];
}

export const xlsx = (rows: readonly (readonly (string | number)[])[]): Buffer => zipOf(sheetParts(rows));

const SLIDES =
  'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"';

/** Slides of a title and a body, each with what else its XML holds. */
export function slideParts(slides: readonly (readonly [title: string, body: string, more?: string])[]): ZipPart[] {
  const shape = (type: string, text: string): string =>
    `<p:sp><p:nvSpPr><p:nvPr><p:ph type="${type}"/></p:nvPr></p:nvSpPr><p:txBody><a:p><a:r><a:t>${escaped(text)}</a:t></a:r></a:p></p:txBody></p:sp>`;
  const ids = slides.map((_, at) => `<p:sldId id="${256 + at}" r:id="r${at + 1}"/>`);
  const presentation = `<p:presentation ${SLIDES} xmlns:r="${RELATIONS}"><p:sldIdLst>${ids.join('')}</p:sldIdLst></p:presentation>`;
  return [
    contentTypes(),
    relations('_rels/.rels', [['r1', 'officeDocument', 'ppt/presentation.xml']]),
    relations(
      'ppt/_rels/presentation.xml.rels',
      slides.map((_, at) => [`r${at + 1}`, 'slide', `slides/slide${at + 1}.xml`] as const),
    ),
    { name: 'ppt/presentation.xml', data: `${XML}${presentation}` },
    ...slides.map(([title, body, more = ''], at) => ({
      name: `ppt/slides/slide${at + 1}.xml`,
      data: `${XML}<p:sld ${SLIDES}><p:cSld><p:spTree>${shape('title', title)}${shape('body', body)}${more}</p:spTree></p:cSld></p:sld>`,
    })),
  ];
}

export const pptx = (slides: readonly (readonly [title: string, body: string])[]): Buffer => zipOf(slideParts(slides));

export interface PdfOptions {
  /** The compressed bytes of every page's content, in place of its text. */
  readonly content?: Buffer;
  /** More objects of the trailer, e.g. an encryption dictionary. */
  readonly trailer?: string;
  readonly catalogue?: string;
}

/** A PDF with one page for each text. */
export function pdf(pages: readonly string[], { content, trailer = '', catalogue = '' }: PdfOptions = {}): Buffer {
  const objects: Buffer[] = [];
  const add = (body: string | Buffer): number => objects.push(Buffer.from(body));
  const pageNumbers = pages.map((_, at) => 4 + 2 * at);
  add(`<< /Type /Catalog /Pages 2 0 R ${catalogue} >>`);
  add(`<< /Type /Pages /Count ${pages.length} /Kids [${pageNumbers.map((n) => `${n} 0 R`).join(' ')}] >>`);
  add('<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>');
  for (const [at, text] of pages.entries()) {
    const lines = text.split('\n').map((line) => `(${line.replace(/[()\\]/gu, '\\$&')}) Tj 0 -14 Td`);
    const packed = content ?? deflateSync(`BT /F1 12 Tf 72 720 Td ${lines.join(' ')} ET`);
    const page = pageNumbers[at] ?? 0;
    add(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents ${page + 1} 0 R >>`,
    );
    const head = Buffer.from(`<< /Length ${packed.length} /Filter /FlateDecode >>\nstream\n`);
    add(Buffer.concat([head, packed, Buffer.from('\nendstream')]));
  }
  const parts: Buffer[] = [Buffer.from('%PDF-1.7\n')];
  const places: number[] = [];
  let offset = parts[0]?.length ?? 0;
  for (const [at, body] of objects.entries()) {
    places.push(offset);
    const whole = Buffer.concat([Buffer.from(`${at + 1} 0 obj\n`), body, Buffer.from('\nendobj\n')]);
    parts.push(whole);
    offset += whole.length;
  }
  const table = places.map((place) => `${String(place).padStart(10, '0')} 00000 n \n`).join('');
  parts.push(
    Buffer.from(
      `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R ${trailer} >>\nstartxref\n${offset}\n%%EOF\n`,
    ),
  );
  return Buffer.concat(parts);
}
