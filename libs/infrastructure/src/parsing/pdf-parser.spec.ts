import { pdf } from '#test/support/files.js';
import { fileRead } from '#test/support/parsed.js';
import { parsePdf } from './pdf-parser.js';

describe('the text of a PDF', () => {
  it('has words whole that the end of a line cuts', async () => {
    const page = 'The infor-\nmation on 2025-\n26 of Anna-\nMaria stands in\nlines -\nall of them.';
    expect(await fileRead(parsePdf, pdf([page]))).toBe(
      'The information on 2025-\n26 of Anna-\nMaria stands in\nlines -\nall of them.\n\n',
    );
  });
});
