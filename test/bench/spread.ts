/** Does `count` pieces of work from `first` on, `width` at a time. */
export async function spread(
  count: number,
  first: number,
  width: number,
  work: (at: number) => Promise<unknown>,
): Promise<void> {
  let next = first;
  const lane = async (): Promise<void> => {
    while (next < first + count) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
