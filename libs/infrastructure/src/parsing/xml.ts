import { SaxesParser } from 'saxes';
import { unreadable } from './parsing-errors.js';

const MOST_DEPTH = 256;

export interface XmlHandlers {
  /** Names without their prefix; attributes with it. */
  readonly open?: (name: string, attributes: Readonly<Record<string, string>>) => void;
  readonly close?: (name: string) => void;
  readonly text?: (text: string) => void;
}

/** Reads XML as it comes. Document types are refused, so that no entity can be defined. */
export async function readXml(bytes: AsyncIterable<Buffer>, handlers: XmlHandlers): Promise<void> {
  const decoder = new TextDecoder('utf-8');
  const parser = new SaxesParser();
  let depth = 0;
  let problem: Error | undefined;
  const fail = (error: Error): void => {
    problem ??= error;
  };
  parser.on('doctype', () => fail(unreadable('entities')));
  parser.on('error', (error) => fail(unreadable('broken', error)));
  parser.on('opentag', ({ name, attributes }) => {
    depth += 1;
    if (depth > MOST_DEPTH) fail(unreadable('nested'));
    if (problem === undefined) handlers.open?.(localName(name), attributes);
  });
  parser.on('closetag', ({ name }) => {
    depth -= 1;
    if (problem === undefined) handlers.close?.(localName(name));
  });
  if (handlers.text !== undefined) parser.on('text', handlers.text);
  for await (const piece of bytes) {
    parser.write(decoder.decode(piece, { stream: true }));
    if (problem !== undefined) throw problem;
  }
  parser.write(decoder.decode());
  if (problem === undefined) parser.close();
  if (problem !== undefined) throw problem;
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
