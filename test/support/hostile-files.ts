import { deflateSync, gzipSync } from 'node:zlib';
import { docx, pdf, pptx, sheetParts, slideParts, types, wordParagraph, wordParts, xlsx } from './files.js';
import { zipOf } from './zip.js';

export interface HostileFile {
  readonly what: string;
  readonly name: string;
  readonly type: string;
  readonly bytes: Buffer;
  /** `refused`: at once; `failed`: the document fails. With the code of the reason. */
  readonly ends: readonly [how: 'refused' | 'failed', code: string];
}

const MB = 1024 * 1024;
const zeros = (megabytes: number): Buffer => Buffer.alloc(megabytes * MB);
const paragraph = wordParagraph('The kettle is green.');
const half = (bytes: Buffer): Buffer => bytes.subarray(0, Math.floor(bytes.length / 2));
const nestedTags = (tag: string, depth: number): string => `<${tag}>`.repeat(depth) + `</${tag}>`.repeat(depth);
const ole = Buffer.concat([
  Buffer.from('d0cf11e0a1b11ae1', 'hex'),
  Buffer.alloc(1_024),
  Buffer.from('EncryptedPackage', 'utf16le'),
  Buffer.alloc(512),
]);
const laughs = `<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "${'&a;'.repeat(10)}"><!ENTITY c "${'&b;'.repeat(10)}">]>`;
const locked =
  '/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <' +
  'ab'.repeat(32) +
  '> /U <' +
  'cd'.repeat(32) +
  '> >> /ID [<00><00>]';

const [mismatch, broken, tooLarge] = ['FILE_TYPE_MISMATCH', 'FILE_BROKEN', 'FILE_UNPACKS_TOO_LARGE'] as const;
type Row = readonly [what: string, name: string, type: string, bytes: () => Buffer, ...ends: HostileFile['ends']];

const rows: readonly Row[] = [
  ['a picture as text', 'a.txt', types.text, () => Buffer.from('89504e470d0a1a0a00ff', 'hex'), 'refused', mismatch],
  ['a program as Markdown', 'a.md', types.markdown, () => Buffer.from('7f454c4602010100', 'hex'), 'refused', mismatch],
  ['NUL bytes as text', 'a.txt', types.text, () => zeros(1), 'refused', mismatch],
  [
    'NUL bytes late in a text',
    'a.txt',
    types.text,
    () => Buffer.concat([Buffer.alloc(MB, 'a '), zeros(1)]),
    'failed',
    mismatch,
  ],
  ['packed text as text', 'a.txt', types.text, () => gzipSync('kettle'), 'refused', mismatch],
  ['text as a PDF', 'a.pdf', types.pdf, () => Buffer.from('The kettle is green.'), 'refused', mismatch],
  ['a PDF as a Word document', 'a.docx', types.docx, () => pdf(['The kettle.']), 'refused', mismatch],
  ['a workbook as a Word document', 'a.docx', types.docx, () => xlsx([['a'], ['b']]), 'failed', mismatch],
  ['a Word document as slides', 'a.pptx', types.pptx, () => docx(paragraph), 'failed', mismatch],
  ['slides as a workbook', 'a.xlsx', types.xlsx, () => pptx([['a', 'b']]), 'failed', mismatch],
  ['a locked Word document', 'a.docx', types.docx, () => ole, 'failed', 'FILE_ENCRYPTED'],
  [
    'an old Word document',
    'a.docx',
    types.docx,
    () => Buffer.concat([ole.subarray(0, 600), Buffer.alloc(600)]),
    'failed',
    mismatch,
  ],
  [
    'an archive with locked parts',
    'a.xlsx',
    types.xlsx,
    () => zipOf(sheetParts([['a']]).map((part) => ({ ...part, encrypted: true }))),
    'failed',
    'FILE_ENCRYPTED',
  ],
  ['a locked PDF', 'a.pdf', types.pdf, () => pdf(['The kettle.'], { trailer: locked }), 'failed', 'FILE_ENCRYPTED'],
  ['a PDF cut off', 'a.pdf', types.pdf, () => half(pdf(['The kettle is green.'])), 'failed', broken],
  [
    'a PDF of noise',
    'a.pdf',
    types.pdf,
    () => Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(5_000, 'x7>'), Buffer.from('%%EOF')]),
    'failed',
    broken,
  ],
  [
    'a PDF of 10,000 pages',
    'a.pdf',
    types.pdf,
    () => pdf(Array.from({ length: 10_000 }, () => 'x')),
    'failed',
    'FILE_TOO_MANY_PAGES',
  ],
  [
    'a PDF whose page unpacks to 400 MB',
    'a.pdf',
    types.pdf,
    () => pdf(['x'], { content: bomb() }),
    'failed',
    'FILE_NEEDS_TOO_MUCH_MEMORY',
  ],
  ['a PDF without a word', 'a.pdf', types.pdf, () => pdf(['']), 'failed', 'FILE_WITHOUT_TEXT'],
  ['a PDF whose pages hold each other', 'a.pdf', types.pdf, () => circular(), 'failed', broken],
  ['a Word document cut off', 'a.docx', types.docx, () => half(docx(paragraph)), 'failed', broken],
  ['a Word document with a wrong byte', 'a.docx', types.docx, () => flipped(), 'failed', broken],
  ['a Word document of half a tag', 'a.docx', types.docx, () => docx('<w:p><w:r><w:t>kettle'), 'failed', broken],
  ['a Word document of nothing', 'a.docx', types.docx, () => docx(''), 'failed', 'FILE_WITHOUT_TEXT'],
  [
    'a Word document with macros',
    'a.docx',
    types.docx,
    () => zipOf([...wordParts(paragraph), { name: 'word/vbaProject.bin', data: 'Sub AutoOpen()' }]),
    'failed',
    'FILE_HAS_MACROS',
  ],
  [
    'a workbook with macros',
    'a.xlsx',
    types.xlsx,
    () => zipOf([...sheetParts([['a']]), { name: 'xl/vbaProject.bin', data: 'Sub Auto_Open()' }]),
    'failed',
    'FILE_HAS_MACROS',
  ],
  [
    'a Word document whose part unpacks to 300 MB',
    'a.docx',
    types.docx,
    () => zipOf([...wordParts(paragraph), { name: 'word/big.xml', data: zeros(300) }]),
    'failed',
    tooLarge,
  ],
  [
    'a workbook packed a thousandfold',
    'a.xlsx',
    types.xlsx,
    () => zipOf([...sheetParts([['a']]), { name: 'xl/big.xml', data: zeros(8) }]),
    'failed',
    tooLarge,
  ],
  [
    'a workbook whose part lies about its size',
    'a.xlsx',
    types.xlsx,
    () =>
      zipOf(
        sheetParts([['a']], `<worksheet>${' '.repeat(64 * MB)}</worksheet>`).map((part) =>
          part.name.includes('sheet1.xml') && !part.name.includes('rels') ? { ...part, declaredSize: 100 } : part,
        ),
      ),
    'failed',
    tooLarge,
  ],
  [
    'a workbook of 12,000 parts',
    'a.xlsx',
    types.xlsx,
    () =>
      zipOf([...sheetParts([['a']]), ...Array.from({ length: 12_000 }, (_, at) => ({ name: `x/${at}`, data: '' }))]),
    'failed',
    'FILE_TOO_MANY_PARTS',
  ],
  [
    'a Word document with a part named ../',
    'a.docx',
    types.docx,
    () => zipOf([...wordParts(paragraph), { name: '../../evil.sh', data: 'rm' }]),
    'failed',
    'FILE_UNSAFE_PATHS',
  ],
  [
    'slides with a part named /etc',
    'a.pptx',
    types.pptx,
    () => zipOf([...slideParts([['a', 'b']]), { name: '/etc/passwd', data: 'x' }]),
    'failed',
    'FILE_UNSAFE_PATHS',
  ],
  [
    'a workbook with a part named C:',
    'a.xlsx',
    types.xlsx,
    () => zipOf([...sheetParts([['a']]), { name: 'C:\\evil', data: 'x' }]),
    'failed',
    'FILE_UNSAFE_PATHS',
  ],
  [
    'a Word document that defines entities',
    'a.docx',
    types.docx,
    () =>
      zipOf(
        wordParts(paragraph).map((part) =>
          part.name === 'word/document.xml' ? { ...part, data: `${laughs}<x>&c;</x>` } : part,
        ),
      ),
    'failed',
    'FILE_DEFINES_ENTITIES',
  ],
  [
    'slides nested 5,000 deep',
    'a.pptx',
    types.pptx,
    () =>
      zipOf(
        slideParts([['a', 'b']]).map((part) =>
          part.name.endsWith('slide1.xml') ? { ...part, data: nestedTags('a', 5_000) } : part,
        ),
      ),
    'failed',
    'FILE_NESTED_TOO_DEEP',
  ],
  [
    'a page nested 50,000 deep',
    'a.html',
    types.html,
    () => Buffer.from(nestedTags('div', 50_000)),
    'failed',
    'FILE_NESTED_TOO_DEEP',
  ],
  [
    'a page of nothing but script',
    'a.html',
    types.html,
    () => Buffer.from('<script>alert("kettle")</script>'),
    'failed',
    'FILE_WITHOUT_TEXT',
  ],
  [
    'a table with an open quote',
    'a.csv',
    types.csv,
    () => Buffer.from(`a,b\n"${'x'.repeat(2 * MB)}`),
    'failed',
    broken,
  ],
  [
    'JSON nested 200,000 deep',
    'a.json',
    types.json,
    () => Buffer.from('['.repeat(200_000)),
    'refused',
    'INGEST_VALIDATION_ERROR',
  ],
  ['a file named ../../etc/passwd', '../../etc/passwd', types.pdf, () => Buffer.from('%PDF-1.7 ../'), 'failed', broken],
  [
    'a file in a type that nobody reads',
    'a.docm',
    'application/vnd.ms-word.document.macroenabled.12',
    () => docx(paragraph),
    'refused',
    'UNSUPPORTED_MEDIA_TYPE',
  ],
];

/** Files that were made to break readers, each with the end that it must meet; made anew at each call. */
export function hostileFiles(): readonly HostileFile[] {
  return rows.map(([what, name, type, bytes, ...ends]) => ({
    what,
    name,
    type,
    get bytes() {
      return bytes();
    },
    ends,
  }));
}

/** 400 MB of spaces in half a MB. */
function bomb(): Buffer {
  return deflateSync(Buffer.alloc(400 * MB, ' '), { level: 9 });
}

function flipped(): Buffer {
  const bytes = zipOf([{ name: 'a', data: 'b' }, ...wordParts(wordParagraph('kettle '.repeat(500)))]);
  const at = bytes.indexOf('word/document.xml') + 60;
  bytes.fill(0xff, at, at + 16);
  return bytes;
}

function circular(): Buffer {
  const text = pdf(['x', 'y']).toString('latin1');
  return Buffer.from(text.replace('/Kids [4 0 R 6 0 R]', '/Kids [2 0 R 2 0 R]'), 'latin1');
}
