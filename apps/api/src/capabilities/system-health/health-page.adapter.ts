import { createHash } from 'node:crypto';
import type { ComponentHealth, SystemHealthView } from './system-health.contract.js';

const style = `
:root { color-scheme: light dark; --line: #8884; --ok: #17803d; --degraded: #b25e00; --error: #c4212c; --unknown: #6b6f76; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.35rem; margin: 0 0 .25rem; }
h2 { font-size: 1rem; margin: 0; }
p { margin: .25rem 0; }
main { align-items: start; display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); margin-top: 1.5rem; }
section { border: 1px solid var(--line); border-left: .4rem solid var(--unknown); border-radius: .4rem; padding: .75rem 1rem; }
header { align-items: baseline; display: flex; justify-content: space-between; }
table { border-collapse: collapse; margin-top: .5rem; width: 100%; }
th { font-weight: 400; opacity: .75; padding-right: 1rem; text-align: left; vertical-align: top; white-space: nowrap; }
td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; text-align: right; white-space: pre-line; }
strong { text-transform: uppercase; font-size: .8rem; letter-spacing: .04em; }
.ok { border-left-color: var(--ok); } .ok strong, strong.ok { color: var(--ok); }
.degraded { border-left-color: var(--degraded); } .degraded strong, strong.degraded { color: var(--degraded); }
.error { border-left-color: var(--error); } .error strong, strong.error { color: var(--error); }
`;

/** Nothing but this page's own style is loaded or run. */
export const PAGE_POLICY = [
  `default-src 'none'`,
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  `base-uri 'none'`,
  `form-action 'none'`,
  `frame-ancestors 'none'`,
].join('; ');

const REFRESH_S = 10;

/** The page for people; it asks again every ten seconds. */
export function healthPage({ status, checked_at, process, components }: SystemHealthView): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${status} · System health</title>
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="${REFRESH_S}">
<style>${style}</style></head>
<body><h1>System health: <strong class="${status}">${status}</strong></h1>
<p>${escaped(checked_at)}, as ${escaped(process)} sees it</p>
<main>${components.toSorted(worstFirst).map(card).join('\n')}</main></body></html>
`;
}

const ranks: readonly string[] = ['error', 'degraded', 'unknown', 'ok'];
const worstFirst = (a: ComponentHealth, b: ComponentHealth): number =>
  ranks.indexOf(a.status) - ranks.indexOf(b.status);

function card({ name, status, problem, figures }: ComponentHealth): string {
  const rows = Object.entries(figures as Readonly<Record<string, unknown>>).map(
    ([key, value]) => `<tr><th scope="row">${escaped(words(key))}</th><td>${escaped(shown(value))}</td></tr>`,
  );
  return `<section class="${status}"><header><h2>${escaped(words(name))}</h2><strong>${status}</strong></header>
${problem === null ? '' : `<p>${escaped(problem)}</p>`}<table>${rows.join('')}</table></section>`;
}

const words = (name: string): string => name.replaceAll('_', ' ');

function shown(value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(shown).join('; ');
  if (typeof value !== 'object') return typeof value === 'string' ? value : JSON.stringify(value);
  return Object.entries(value)
    .map(([key, inner]) => `${words(key)} ${shown(inner)}`)
    .join('\n');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => entities[sign] ?? sign);
