/** Cuts a text into pieces of at most `longest` characters: after a sentence where there is one, else after a word. */
export function splitSentences(text: string, longest: number): readonly string[] {
  const pieces: string[] = [];
  let left = text;
  while (left.length > longest) {
    const at = cutAt(left, longest);
    pieces.push(left.slice(0, at).trim());
    left = left.slice(at).trimStart();
  }
  return [...pieces, left].filter((piece) => piece !== '');
}

function cutAt(text: string, longest: number): number {
  const room = text.slice(0, longest);
  const sentence = Math.max(...['. ', '! ', '? ', '.\n', '\n\n'].map((end) => room.lastIndexOf(end)));
  if (sentence > longest / 2) return sentence + 1;
  const word = room.lastIndexOf(' ');
  if (word > 0) return word;
  // Never between the halves of a surrogate pair.
  return /[\uD800-\uDBFF]$/.test(room) ? longest - 1 : longest;
}
