/** Facts of a document that are not metadata. */
export const documentFields = ['document_id', 'filename', 'content_type', 'created_at', 'updated_at'] as const;
export type DocumentField = (typeof documentFields)[number];

/** What a condition looks at: a path in the metadata, a label, or a fact of the document. */
export type FilterField =
  | { readonly of: 'metadata'; readonly path: readonly string[] }
  | { readonly of: 'labels'; readonly key: string }
  | { readonly of: 'document'; readonly name: DocumentField };

const mostSegments = 8;
const longestName = 256;

/** `metadata.a.b`, `labels.team` or `filename`; undefined for anything else. */
export function fieldOf(name: unknown): FilterField | undefined {
  if (typeof name !== 'string' || name.length > longestName || !isStorable(name)) return undefined;
  const known = documentFields.find((each) => each === name);
  if (known !== undefined) return { of: 'document', name: known };
  if (name.startsWith('labels.')) return name === 'labels.' ? undefined : { of: 'labels', key: name.slice(7) };
  if (!name.startsWith('metadata.')) return undefined;
  const path = name.slice(9).split('.');
  return path.length > mostSegments || path.includes('') ? undefined : { of: 'metadata', path };
}

/** The field as a caller writes it. */
export function fieldName(field: FilterField): string {
  if (field.of === 'document') return field.name;
  return field.of === 'labels' ? `labels.${field.key}` : `metadata.${field.path.join('.')}`;
}

export function isInstantField(field: FilterField): boolean {
  return field.of === 'document' && (field.name === 'created_at' || field.name === 'updated_at');
}

/** Whether a database can hold the text: no NUL and no half of a surrogate pair. */
export function isStorable(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed();
}
