/** Columns that are shown of a table; more are cut off. */
const MOST_COLUMNS = 1_000;
/** Rows of one value that may stand above a header; after so many, the table has one column. */
const MOST_TITLES = 20;

/** Makes readable text of table rows: each value stands under its column's name, so that a row makes sense by itself. */
export class Records {
  private header: readonly string[] | undefined;
  private titles: string[][] = [];
  private bare = true;

  /** The text of a row, and of those above the header once that is known; empty for the header and for rows without a value. */
  row(values: readonly string[]): string {
    const cells = values.slice(0, MOST_COLUMNS).map((value) => value.replace(/\s+/gu, ' ').trim());
    const filled = cells.filter((cell) => cell !== '').length;
    if (filled === 0) return '';
    if (this.header !== undefined) return this.record(this.header, cells);
    if (filled > 1) return this.begin(cells);
    this.titles.push(cells);
    return this.titles.length > MOST_TITLES ? this.column() : '';
  }

  /** What is left: the rows of a table of one column, or the header by itself where no row follows it. */
  end(): string {
    const rows = this.column();
    if (!this.bare || this.header === undefined) return rows;
    return `${shown(this.header)}\n\n`;
  }

  private begin(header: readonly string[]): string {
    const titles = this.titles.map((title) => `${shown(title)}\n\n`);
    this.titles = [];
    this.header = header;
    return titles.join('');
  }

  private column(): string {
    const [header, ...rows] = this.titles;
    if (header === undefined) return '';
    this.titles = [];
    this.header = header;
    return rows.map((row) => this.record(header, row)).join('');
  }

  private record(header: readonly string[], cells: readonly string[]): string {
    this.bare = false;
    const named = cells.flatMap((cell, at) => {
      if (cell === '') return [];
      const name = header[at] ?? '';
      return [name === '' ? cell : `${name}: ${cell}`];
    });
    return `${named.join('; ')}\n\n`;
  }
}

function shown(cells: readonly string[]): string {
  return cells.filter((cell) => cell !== '').join('; ');
}
