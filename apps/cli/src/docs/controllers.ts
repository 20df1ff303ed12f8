import { pathToFileURL } from 'node:url';
import type { Type } from '@nestjs/common';
import { sourceFiles } from './source-files.js';

type Controller = Type<object>;

const IS_CONTROLLER = '__controller__';

const isController = (value: unknown): value is Controller =>
  typeof value === 'function' && Reflect.getMetadata(IS_CONTROLLER, value) === true;

/** Every capability's controllers. */
export async function controllersOf(
  root: string,
  compiled: (source: string) => string,
): Promise<readonly Controller[]> {
  const sources = (await sourceFiles(root)).filter((source) =>
    /^apps\/api\/src\/capabilities\/.*\.controller$/.test(source),
  );
  const modules = sources.map((source) => import(pathToFileURL(compiled(source)).href) as Promise<object>);
  return (await Promise.all(modules)).flatMap((exported) => Object.values(exported).filter(isController));
}
