import { statusOfKind } from '#api/http/errors.js';
import type { Capability } from '#domain/kernel/capability.js';
import type { ErrorRow } from '#domain/kernel/errors.js';
import type { Field } from '#domain/kernel/schema.js';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** A Markdown table with one line a row, so that a change shows as one line. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heads, heads.map(() => '---'), ...rows.map((row) => row.map(cell))];
  return `${lines.map((line) => `| ${line.join(' | ')} |`).join('\n')}\n`;
}

/** The text of `docs/generated/errors.md`. */
export function errorsPage(rows: readonly ErrorRow[]): string {
  const lines = rows.map((row) => [
    `\`${row.code}\``,
    String(statusOfKind[row.kind]),
    row.area,
    `\`${row.name}\``,
    row.title,
  ]);
  return `# Errors\n\nEvery refusal that a client can see. The code is stable; the sentence may be improved.\n\n${table(
    ['Code', 'Status', 'Area', 'Row', 'Sentence'],
    lines,
  )}`;
}

function fieldText(name: string, field: Field<unknown, boolean>): string {
  return `${name}${field.optional ? '?' : ''}${field.personal === undefined ? '' : ` (sealed, of ${field.personal})`}`;
}

function capabilityEvents(capability: Capability): string {
  const rows = Object.entries(capability.events).map(([type, { version, data, audit }]) => [
    `\`${type}\``,
    String(version),
    Object.entries(data)
      .map(([name, field]) => fieldText(name, field))
      .join(', '),
    `\`${audit.type}\``,
    `${audit.category}, ${audit.outcome}`,
  ]);
  return `## ${capability.name}\n\n${table(['Event', 'Version', 'Payload', 'Audit type', 'Audit category'], rows)}`;
}

/** The text of `docs/generated/events.md`. */
export function eventsPage(capabilities: readonly Capability[]): string {
  const sections = capabilities.filter(({ events }) => Object.keys(events).length > 0).map(capabilityEvents);
  return `# Events\n\nEvery change of state that the log can hold. \`events.json\` beside this page has the JSON schema of each version.\n\n${sections.join('\n')}`;
}
