const syllables = ['ka', 'lo', 'mi', 'ru', 'te', 'no', 'sa', 'vi', 'po', 'du', 'fe', 'gar', 'hin', 'jo', 'zu', 'wel'];

/** Repeatable text: words of a vocabulary of 20,000 by Zipf's law, in topics, as language has them. */
export class Words {
  private state: number;

  constructor(seed: number) {
    this.state = seed;
  }

  text(length: number): string {
    const topic = Math.floor(this.random() * 500);
    return Array.from({ length }, () => this.word(topic)).join(' ');
  }

  /** A number from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  private word(topic: number): string {
    const common = this.random() < 0.6;
    // From the thirtieth word on: the commonest are stop words, which are never searched for.
    const rank = Math.floor(30 * (20_000 / 30) ** this.random());
    return spelled(common ? rank : 20_000 + topic * 40 + (rank % 40));
  }

  private random(): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.state / 2 ** 32;
  }
}

function spelled(value: number): string {
  let rest = value;
  let word = '';
  do {
    word += syllables[rest % syllables.length] ?? '';
    rest = Math.floor(rest / syllables.length);
  } while (rest > 0);
  return word;
}
