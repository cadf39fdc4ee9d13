/** One place of the file that does not say what Teal can understand. Lines and columns count from 1. */
export interface Mistake {
  readonly line: number;
  readonly column: number;
  /** Where in the document: `cutover.gates[0].lag`; empty for the whole of it. */
  readonly path: string;
  readonly message: string;
  /** The nearest valid word. */
  readonly nearest?: string;
}

const maySayASecret = /\burl\b|:\/\/|password|authorization|cookie|token|secret|api-?_?key/i;

/** All mistakes with the line that each one is in, for a terminal. Lines that may hold a secret are not shown. */
export function renderMistakes(file: string, source: string, mistakes: readonly Mistake[]): string {
  const lines = source.split(/\r?\n/);
  const width = String(lines.length).length;
  const blocks = mistakes.map((mistake) => {
    const line = lines[mistake.line - 1] ?? '';
    const shown = maySayASecret.test(line) ? line.replace(/:.*/, ': …') : line;
    const hint = mistake.nearest === undefined ? '' : ` – did you mean \`${mistake.nearest}\`?`;
    const where = mistake.path === '' ? '' : `${mistake.path}: `;
    const caret = ' '.repeat(Math.min(mistake.column - 1, shown.length));
    return [
      `${file}:${mistake.line}:${mistake.column}  ${where}${mistake.message}${hint}`,
      `  ${String(mistake.line).padStart(width)} | ${shown}`,
      `  ${' '.repeat(width)} | ${caret}^`,
    ].join('\n');
  });
  const count = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`;
  return `${blocks.join('\n')}\n${count} in ${file}; nothing was begun.`;
}
