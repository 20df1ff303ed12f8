/** Columns that are shown of a table; more are cut off. */
const MOST_COLUMNS = 1_000;

/** Makes readable text of table rows: each value stands under its column's name, so that a row makes sense by itself. */
export class Records {
  private header: readonly string[] | undefined;

  /** The text of a row; empty for the header and for rows without a value. */
  row(values: readonly string[]): string {
    const cells = values.slice(0, MOST_COLUMNS).map((value) => value.replace(/\s+/gu, ' ').trim());
    if (cells.every((cell) => cell === '')) return '';
    if (this.header === undefined) {
      this.header = cells;
      return '';
    }
    const { header } = this;
    const named = cells.flatMap((cell, at) => {
      if (cell === '') return [];
      const name = header[at] ?? '';
      return [name === '' ? cell : `${name}: ${cell}`];
    });
    return `${named.join('; ')}\n\n`;
  }

  /** The header by itself, for a table that has no other row. */
  get columns(): string {
    return this.header?.filter((name) => name !== '').join('; ') ?? '';
  }
}
