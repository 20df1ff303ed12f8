/** `[2]` or `[1, 3]`; years and indexes are none. */
const MARKER = /\s?\[(?=[\d,\s]{1,32}\])([1-9]\d{0,2}(?:\s*,\s*[1-9]\d{0,2})*)\]/gu;
/** Where a bracket is open, a marker that is left out must not let its neighbours become one. */
const OPEN = /\[[\d,\s]{0,32}$/u;
/** What may become a marker, with the space before it. */
const BEGUN = /\s?(?:\[[\d,\s]{0,32})?$/u;

/**
 * Passes an answer on while it comes, with its markers made true: passages are numbered in the order in which they are cited,
 * and a marker that stands for no passage is left out. A marker that is cut between two deltas waits for its rest.
 */
export class CitationFilter {
  private held = '';
  private readonly numbers = new Map<number, number>();
  private lost = 0;
  /** The last of what was checked. */
  private before = '';

  /** Markers from 1 to `passages` are true. */
  constructor(private readonly passages: number) {}

  /** What of the text so far can be told. */
  push(delta: string): string {
    const text = this.held + delta;
    const whole = text.length - (BEGUN.exec(text)?.[0].length ?? 0);
    this.held = text.slice(whole);
    return this.checked(text.slice(0, whole));
  }

  /** The rest. */
  end(): string {
    const rest = this.checked(this.held);
    this.held = '';
    return rest;
  }

  /** Indexes of the cited passages: the first stands for the marker 1. */
  get cited(): readonly number[] {
    return [...this.numbers.keys()].map((marker) => marker - 1);
  }

  /** Markers that stood for no passage. */
  get dropped(): number {
    return this.lost;
  }

  private checked(text: string): string {
    const { before } = this;
    this.before = (before + text).slice(-64);
    return text.replaceAll(MARKER, (whole: string, list: string, at: number) => {
      const markers = list.split(',').map(Number);
      const known = markers.filter((marker) => marker <= this.passages);
      this.lost += markers.length - known.length;
      if (known.length === 0) return OPEN.test(before + text.slice(0, at)) ? '()' : '';
      return (/^\s/u.exec(whole)?.[0] ?? '') + known.map((marker) => `[${this.numberOf(marker)}]`).join('');
    });
  }

  private numberOf(marker: number): number {
    const number = this.numbers.get(marker) ?? this.numbers.size + 1;
    this.numbers.set(marker, number);
    return number;
  }
}
