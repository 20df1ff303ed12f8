/** The answer to a question, or a rejection after `ms`: a server that is connected and silent never gives one. */
export function within<T>(question: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`there was no answer within ${ms} ms`)), ms);
    question.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
