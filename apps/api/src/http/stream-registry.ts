/** What the registry needs of a stream. */
interface Tracked {
  readonly signal: AbortSignal;
  end(): void;
}

/** The open streams of this process: counted, and drained when it stops. */
export class StreamRegistry {
  readonly #open = new Set<Tracked>();

  get size(): number {
    return this.#open.size;
  }

  track<S extends Tracked>(stream: S): S {
    this.#open.add(stream);
    stream.signal.addEventListener('abort', () => this.#open.delete(stream), { once: true });
    return stream;
  }

  /** Waits until all streams have ended by themselves, at most `graceMs`; then ends the rest and says how many. */
  async drain(graceMs: number): Promise<number> {
    const closed = [...this.#open].map(
      (stream) => new Promise((resolve) => stream.signal.addEventListener('abort', resolve, { once: true })),
    );
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise((resolve) => (timer = setTimeout(resolve, graceMs)));
    await Promise.race([Promise.all(closed), bound]);
    clearTimeout(timer);
    const cut = [...this.#open];
    for (const stream of cut) stream.end();
    return cut.length;
  }
}
