import { configAreas } from './config.js';
import type { ConfigArea } from './define-config.js';
import type { ConfigField } from './fields.js';

const areas: readonly ConfigArea[] = Object.values(configAreas);

function note(field: ConfigField<unknown>): string {
  const parts = [field.type, ...(field.bounds === undefined ? [] : [field.bounds])];
  return parts.join(', ');
}

function example(name: string, field: ConfigField<unknown>): string {
  return `# ${field.does} (${note(field)})\n#${name}=${field.defaultText ?? ''}`;
}

/** The text of `.env.example`: every variable with its default, commented out. */
export function renderEnvExample(): string {
  const blocks = areas.map((area) => {
    const lines = Object.entries(area.fields).map(([name, field]) => example(name, field));
    return `## ${area.area}: ${area.does}\n${lines.join('\n')}`;
  });
  return `${blocks.join('\n\n')}\n`;
}

function row(name: string, field: ConfigField<unknown>): string {
  const fallback = field.defaultText === undefined || field.defaultText === '' ? '(unset)' : `\`${field.defaultText}\``;
  return `| \`${name}\` | ${field.type} | ${fallback} | ${field.bounds ?? ''} | ${field.does} |`;
}

/** The text of `docs/generated/configuration.md`. */
export function renderConfigurationPage(): string {
  const sections = areas.map((area) => {
    const rows = Object.entries(area.fields).map(([name, field]) => row(name, field));
    return `## ${area.area}\n\n${area.does}\n\n| Variable | Type | Default | Bounds | Meaning |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `# Configuration\n\nEvery variable is read once at the start; a wrong one stops the process with a list of all problems. A secret \`NAME\` may also come from the file that \`NAME_FILE\` names, or from \`/run/secrets/<name in lower case>\`.\n\n${sections.join('\n')}`;
}
