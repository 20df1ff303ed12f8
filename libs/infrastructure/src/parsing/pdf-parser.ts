import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { PDFDocumentProxy, PDFPageProxy } from 'pdfjs-dist';
import type { Emit } from './part-writer.js';
import type { ParseLimits } from './parse-task.js';
import { unreadable } from './parsing-errors.js';
import type { Source } from './source.js';

/** Stands for what draws. */
class Nothing {
  readonly draws = false;
}

const TAIL_BYTES = 65_536;

/** Reads the text of a PDF page by page. Its scripts, forms and attachments are left alone. */
export async function parsePdf(source: Source, limits: ParseLimits, emit: Emit): Promise<void> {
  const tail = source.read(Math.max(0, source.size - TAIL_BYTES), TAIL_BYTES);
  if (!tail.includes('%%EOF')) throw unreadable('broken');
  const document = await openPdf(source);
  if (document.numPages > limits.maxPages) throw unreadable('pages');
  for (let number = 1; number <= document.numPages; number += 1) {
    const page = await document.getPage(number).catch(refuseBroken);
    await emit(await pageText(page), number);
    page.cleanup();
  }
  await document.destroy();
}

async function openPdf(source: Source): Promise<PDFDocumentProxy> {
  // The library asks for these as it is loaded, and draws with them; we draw nothing.
  const missing = globalThis as { DOMMatrix?: unknown; Path2D?: unknown };
  missing.DOMMatrix ??= Nothing;
  missing.Path2D ??= Nothing;
  const pdf = await import('pdfjs-dist/legacy/build/pdf.mjs');
  const folder = dirname(createRequire(import.meta.url).resolve('pdfjs-dist/package.json'));
  class Range extends pdf.PDFDataRangeTransport {
    override requestDataRange(begin: number, end: number): void {
      this.onDataRange(begin, new Uint8Array(source.read(begin, end - begin)));
    }
  }
  const range = new Range(source.size, null);
  const loading = pdf.getDocument({
    range,
    verbosity: 0,
    disableAutoFetch: true,
    disableStream: true,
    disableFontFace: true,
    useSystemFonts: false,
    useWorkerFetch: false,
    enableXfa: false,
    isEvalSupported: false,
    maxImageSize: 1,
    cMapUrl: `${join(folder, 'cmaps')}/`,
    cMapPacked: true,
    standardFontDataUrl: `${join(folder, 'standard_fonts')}/`,
  });
  return loading.promise.catch((error: unknown) => {
    const locked = error instanceof Error && error.name === 'PasswordException';
    throw unreadable(locked ? 'encrypted' : 'broken', error);
  });
}

const refuseBroken = (error: unknown): never => {
  throw unreadable('broken', error);
};

/** A hyphen inside a word at the end of a line. */
const hyphenated = /(?<=\p{L})[-\u00ad\u2010]\n(?=\p{Ll})/gu;

/** Lines as they stand on the page, without the hyphens at their ends; a gap of more than a line begins a paragraph. */
async function pageText(page: PDFPageProxy): Promise<string> {
  const { items } = await page.getTextContent().catch(refuseBroken);
  let text = '';
  let lastY: number | undefined;
  for (const item of items) {
    if (!('str' in item)) continue;
    if (item.str !== '') {
      if (text.endsWith('\n') && isFarBelow(item, lastY)) text += '\n';
      lastY = Number(item.transform[5]);
    }
    text += item.hasEOL ? `${item.str}\n` : item.str;
  }
  const lines = text.replaceAll('\0', '').replace(/[^\S\n]+\n/gu, '\n');
  const clear = lines.replace(hyphenated, '').toWellFormed().trim();
  return clear === '' ? '' : `${clear}\n\n`;
}

const USUAL_HEIGHT = 10;

function isFarBelow(
  item: { readonly transform: readonly unknown[]; readonly height: number },
  lastY: number | undefined,
): boolean {
  if (lastY === undefined) return false;
  return Math.abs(Number(item.transform[5]) - lastY) > 1.9 * (item.height > 0 ? item.height : USUAL_HEIGHT);
}
