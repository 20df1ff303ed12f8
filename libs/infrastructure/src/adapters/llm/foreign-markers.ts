/** What looks like a marker in the words of others is none: `[7]` becomes `(7)`, and the text stays as long as it was. */
export function withoutMarkers(text: string): string {
  return text.replaceAll(/\[(\s*\d{1,3}(?:\s*,\s*\d{1,3})*\s*)\]/gu, '($1)');
}
