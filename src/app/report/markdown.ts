import type { ReportDocument, ReportSection } from './document.ts';

/** For a wiki, a change request, or a file beside the code. */
export function renderMarkdown({ title, summary, sections }: ReportDocument): string {
  const paragraphs = summary.flatMap((sentence) => [cell(sentence), '']);
  return [`# ${cell(title)}`, '', ...paragraphs, ...sections.flatMap(renderSection)].join('\n');
}

function renderSection({ title, columns, rows, none }: ReportSection): readonly string[] {
  if (rows.length === 0) return [`## ${title}`, '', none, ''];
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [`## ${title}`, '', line(columns), `|${columns.map(() => '---|').join('')}`, ...rows.map(line), ''];
}

/** One line, and no character that would end the cell or begin markup of its own. */
function cell(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\|<>*_`[\]]/g, '\\$&');
}
