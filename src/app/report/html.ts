import type { ReportDocument, ReportSection } from './document.ts';

/**
 * One file that needs no other: no script, no picture, no address is fetched, and its own policy forbids all of them. Dark and light as the reader's system is; on
 * paper black on white, with the heads of tables on every page.
 */
export function renderHtml({ title, summary, sections }: ReportDocument): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escape(title)}</h1>
${summary.map((sentence) => `<p>${escape(sentence)}</p>`).join('\n')}
<nav aria-label="Sections"><ul>
${sections.map((section) => `<li><a href="#${idOf(section)}">${escape(section.title)}</a></li>`).join('\n')}
</ul></nav>
${sections.map(renderSection).join('\n')}
</main>
</body>
</html>
`;
}

function renderSection(section: ReportSection): string {
  const { title, columns, rows, none } = section;
  const heading = `<h2>${escape(title)}</h2>`;
  const body = rows.length === 0 ? `<p>${escape(none)}</p>` : renderTable(title, columns, rows);
  return `<section id="${idOf(section)}">\n${heading}\n${body}\n</section>`;
}

/** In a region of its own, which a keyboard can scroll sideways where the window is narrow. */
function renderTable(title: string, columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = columns.map((column) => `<th scope="col">${escape(column)}</th>`).join('');
  const lines = rows.map((cells) => `<tr>${cells.map(renderCell).join('')}</tr>`);
  return `<div class="table" role="region" aria-label="${escape(title)}" tabindex="0"><table>
<thead><tr>${head}</tr></thead>
<tbody>
${lines.join('\n')}
</tbody>
</table></div>`;
}

function renderCell(text: string): string {
  if (/^[0-9a-f]{32,}$/.test(text)) return `<td class="hash">${text}</td>`;
  if (/^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(text)) return `<td class="time">${text}</td>`;
  return `<td>${escape(text)}</td>`;
}

function idOf({ title }: ReportSection): string {
  return title.toLowerCase().replaceAll(/[^a-z]+/g, '-');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Of any text, for text and for the values of attributes. Characters that HTML does not allow become the sign for an unknown one. */
function escape(text: string): string {
  return text
    .replaceAll(/[&<>"']/g, (character) => entities[character] ?? '')
    .replaceAll(/[^\t\n\r\u0020-\u007e\u00a0-\u{10ffff}]/gu, '\ufffd');
}

const style = `
:root { color-scheme: light dark; --text: #1b1f24; --quiet: #57606a; --line: #d0d7de; --back: #ffffff; --head: #f3f5f7; --link: #0550ae; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e8eb; --quiet: #9aa4af; --line: #3a414a; --back: #14181d; --head: #1e242b; --link: #79b8ff; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 90rem; margin: 0 auto; padding: 2rem 1.5rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p { margin: .3rem 0; overflow-wrap: anywhere; }
a { color: var(--link); }
nav ul { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; list-style: none; margin: 1.2rem 0 0; padding: 0; }
.hash { min-width: 15rem; font-family: ui-monospace, monospace; font-size: .75rem; }
.time { white-space: nowrap; }
.table { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: .87rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { background: var(--head); color: var(--quiet); font-weight: 600; }
tbody tr:last-child td { border-bottom: 0; }
@media print {
  :root { --text: #000; --quiet: #333; --line: #999; --back: #fff; --head: #eee; --link: #000; color-scheme: light; }
  @page { margin: 14mm; size: landscape; }
  body { font-size: 9pt; }
  main { padding: 0; max-width: none; }
  nav { display: none; }
  .table { overflow: visible; border: 0; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; }
  h2 { break-after: avoid; }
}
`;
