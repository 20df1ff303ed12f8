import type { Chunk } from '#domain/kernel/text/chunker.js';
import { Spool } from '#infra/files/spool.js';

interface Part {
  readonly offset: number;
  readonly length: number;
}

/**
 * The chunks of a document in parts of one size. Few stay in memory; more go through an encrypted file without a name, so
 * that memory does not grow with the document.
 */
export class ChunkSpool {
  private readonly stored: Part[] = [];
  private last: Chunk[] = [];
  private kept: Chunk[] = [];
  private spool: Spool | undefined;
  private added = 0;

  constructor(
    private readonly partSize: number,
    /** Most chunks that stay in memory. */
    private readonly most: number,
  ) {}

  get count(): number {
    return this.added;
  }

  /** All chunks, as long as they are few; undefined when they are not. */
  get few(): readonly Chunk[] | undefined {
    return this.spool === undefined ? this.kept : undefined;
  }

  async add(chunks: readonly Chunk[]): Promise<void> {
    this.added += chunks.length;
    if (this.spool === undefined) {
      for (const chunk of chunks) this.kept.push(chunk);
      if (this.added <= this.most) return;
      this.spool = await Spool.open();
      const kept = this.kept;
      this.kept = [];
      await this.store(kept, this.spool);
    } else await this.store(chunks, this.spool);
  }

  /** Every part in order, as often as it is asked for. */
  *parts(): Generator<readonly Chunk[]> {
    for (const { offset, length } of this.stored)
      yield JSON.parse((this.spool as Spool).read(offset, length).toString('utf8')) as Chunk[];
    if (this.last.length > 0) yield this.last;
  }

  async close(): Promise<void> {
    await this.spool?.close();
  }

  private async store(chunks: readonly Chunk[], spool: Spool): Promise<void> {
    for (const chunk of chunks) {
      this.last.push(chunk);
      if (this.last.length < this.partSize) continue;
      const bytes = Buffer.from(JSON.stringify(this.last), 'utf8');
      this.stored.push({ offset: spool.size, length: bytes.length });
      await spool.append(bytes);
      this.last = [];
    }
  }
}
