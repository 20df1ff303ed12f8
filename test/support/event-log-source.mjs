// Lets a plain node process run our sources: `./x.js` is `./x.ts` where only that exists.
// node --experimental-transform-types --conditions=source --import <this file> <script.ts>
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context);
    } catch (error) {
      if (!specifier.startsWith('.') || !specifier.endsWith('.js')) throw error;
      return next(specifier.replace(/\.js$/, '.ts'), context);
    }
  },
});
