import type { ParseLimits, TextPart } from './parse-task.js';
import { unreadable } from './parsing-errors.js';

/** Takes the next piece of text, of a page where there are pages. */
export type Emit = (text: string, page?: number | null) => Promise<void>;

const FLUSH_AT = 256 * 1024;
const LONGEST_PART = 1024 * 1024;

/** Gathers text into parts of some size, and ends what would become too long. */
export class PartWriter {
  private parts: TextPart[] = [];
  private gathered = 0;
  private total = 0;
  private words = false;

  constructor(
    private readonly limits: Pick<ParseLimits, 'maxCharacters'>,
    private readonly send: (parts: readonly TextPart[]) => Promise<void>,
  ) {}

  readonly emit: Emit = async (text, page = null) => {
    this.total += text.length;
    if (this.total > this.limits.maxCharacters) throw unreadable('textTooLong');
    for (let at = 0; at < text.length; at += LONGEST_PART) this.add(text.slice(at, at + LONGEST_PART), page);
    if (this.gathered >= FLUSH_AT) await this.flush();
  };

  /** Sends what is left; refuses a file without any word. */
  async end(): Promise<void> {
    if (!this.words) throw unreadable('noText');
    await this.flush();
  }

  private add(text: string, page: number | null): void {
    this.words ||= /\S/u.test(text);
    this.gathered += text.length;
    const last = this.parts.at(-1);
    if (last?.page === page && last.text.length < FLUSH_AT)
      this.parts[this.parts.length - 1] = { text: last.text + text, page };
    else this.parts.push({ text, page });
  }

  private async flush(): Promise<void> {
    const { parts } = this;
    this.parts = [];
    this.gathered = 0;
    if (parts.length > 0) await this.send(parts);
  }
}
