/** A request before it is bytes; nothing here is checked, so that a wrong one can be written too. */
export interface Draft {
  readonly method: string;
  /** With its query, as it stands in the request line. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer | undefined;
}

/** The bytes of a request, with the length of its body unless a header already names one. */
export function bytesOf({ method, target, headers, body }: Draft): Buffer {
  const said = new Set(headers.map(([name]) => name.toLowerCase()));
  const own: (readonly [string, string])[] = said.has('host') ? [] : [['host', 'localhost']];
  if (body !== undefined && !said.has('content-length') && !said.has('transfer-encoding'))
    own.push(['content-length', String(body.length)]);
  const lines = [...own, ...headers].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const head = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, 'utf8');
  return body === undefined ? head : Buffer.concat([head, body]);
}

export const JSON_HEADER = ['content-type', 'application/json'] as const;

/** A file of a form. */
export interface FormFile {
  readonly name: string;
  readonly type: string;
  readonly bytes: string;
}

export const NOTES: FormFile = { name: 'notes.txt', type: 'text/plain', bytes: 'A kettle boils water.' };

/** A form with a small file, as a browser sends it. */
export function form(
  fields: Readonly<Record<string, unknown>>,
  { name: fileName, type, bytes } = NOTES,
): Draft['body'] {
  const part = (head: string, value: string): string =>
    `--a-form\r\ncontent-disposition: form-data; ${head}\r\n\r\n${value}\r\n`;
  const texts = Object.entries(fields).map(([name, value]) =>
    part(`name="${name}"`, typeof value === 'string' ? value : JSON.stringify(value)),
  );
  const file = part(`name="file"; filename="${fileName}"\r\ncontent-type: ${type}`, bytes);
  return Buffer.from(`${texts.join('')}${file}--a-form--\r\n`);
}

export const FORM_HEADER = ['content-type', 'multipart/form-data; boundary=a-form'] as const;
