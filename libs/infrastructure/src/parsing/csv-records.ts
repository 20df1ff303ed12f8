import { unreadable } from './parsing-errors.js';

const LONGEST_RECORD = 1024 * 1024;
/** Characters that are looked through for the ends of quotes that have none; after so many, quotes are text. */
const MOST_SEARCHED = 64 * LONGEST_RECORD;

interface Field {
  readonly value: string;
  /** Where what follows it begins. */
  readonly next: number;
  readonly endsRecord: boolean;
}

/**
 * Cuts text into records of fields as it comes (RFC 4180). A quote inside a field is text, and so is one that nothing closes: libraries take
 * all that follows it for one field, or give up.
 */
export class CsvRecords {
  private text = '';
  private isLast = false;
  private searched = 0;
  private readonly plain: RegExp;

  constructor(private readonly delimiter: string) {
    this.plain = new RegExp(`[^\\r\\n${delimiter.replace(/[\\\]^-]/u, '\\$&')}]*`, 'uy');
  }

  /** The records that are whole, without those of empty lines. Throws `broken` for one that is too long. */
  *push(text: string, isLast: boolean): Generator<readonly string[]> {
    this.text += text;
    this.isLast = isLast;
    let at = 0;
    for (let record = this.record(at); record !== undefined; record = this.record(at)) {
      at = record.next;
      if (record.fields.length > 1 || record.fields[0] !== '') yield record.fields;
    }
    this.text = this.text.slice(at);
    if (this.text.length > LONGEST_RECORD) throw unreadable('broken');
  }

  /** Undefined where more of the text is needed. */
  private record(start: number): { readonly fields: readonly string[]; readonly next: number } | undefined {
    if (start === this.text.length) return undefined;
    const fields: string[] = [];
    for (let at = start; ;) {
      const field = this.field(at, start);
      if (field === undefined) return undefined;
      fields.push(field.value);
      if (field.endsRecord) return { fields, next: field.next };
      at = field.next;
    }
  }

  private field(at: number, start: number): Field | undefined {
    const close = this.text[at] === '"' && this.searched < MOST_SEARCHED ? this.closing(at, start) : 'open';
    if (close === undefined) return undefined;
    if (close !== 'open') return this.ended(this.text.slice(at + 1, close).replaceAll('""', '"'), close + 1);
    this.plain.lastIndex = at;
    const [value = ''] = this.plain.exec(this.text) ?? [];
    return this.ended(value, at + value.length);
  }

  /** Where the quote is closed that opens a field; undefined where more of the text is needed. */
  private closing(opening: number, start: number): number | 'open' | undefined {
    const { text, isLast } = this;
    const at = this.quoteBeforeEnd(opening);
    if (at === 'open') return 'open';
    if (at !== -1 && (isLast || at + 1 < text.length)) return at;
    if (!isLast && text.length - start <= LONGEST_RECORD) return undefined;
    this.searched += text.length - opening;
    return 'open';
  }

  /** The next field's opening quote tells that this one was never closed. */
  private quoteBeforeEnd(opening: number): number | 'open' {
    const { text } = this;
    let at = text.indexOf('"', opening + 1);
    while (at !== -1 && !this.isEnd(at + 1)) {
      const isDoubled = text[at + 1] === '"';
      if (!isDoubled && at - 1 > opening && this.isEnd(at - 1)) {
        this.searched += at - opening;
        return 'open';
      }
      at = text.indexOf('"', at + (isDoubled ? 2 : 1));
    }
    return at;
  }

  private ended(value: string, at: number): Field | undefined {
    const { text, delimiter, isLast } = this;
    if (text[at] === delimiter) return { value, next: at + 1, endsRecord: false };
    const needed = text[at] === '\r' ? at + 1 : at;
    if (needed === text.length && !isLast) return undefined;
    const next = text.startsWith('\r\n', at) ? at + 2 : Math.min(at + 1, text.length);
    return { value, next, endsRecord: true };
  }

  private isEnd(at: number): boolean {
    const { text, delimiter } = this;
    return at >= text.length || text[at] === delimiter || text[at] === '\n' || text[at] === '\r';
  }
}
