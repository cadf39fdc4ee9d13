import { createHash } from 'node:crypto';
import type { Problem } from '../problems.ts';

const style = `:root{color-scheme:light dark;background:light-dark(#fff,#10201f);color:light-dark(#10201f,#e6efee)}body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:10vh auto;padding:0 1.5em}a{color:light-dark(#0b5c57,#7fd6cf)}code{font-family:ui-monospace,monospace}`;
const sum = createHash('sha256').update(style, 'utf8').digest('base64');

/** Nothing runs here, and nothing is asked for. */
export const refusalPolicy = `default-src 'none'; style-src 'sha256-${sum}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** What a person sees whose sign-in has failed: the registry's words alone, and the way back. Pure. */
export function refusalPage({ code, title, detail, doThis, instance }: Problem, home: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Not signed in · Teal</title>
<style>${style}</style>
<main>
<h1>${escaped(title)}</h1>
<p>${escaped(detail)}</p>
<p>${escaped(doThis)}</p>
<p><a href="${escaped(home)}">Back to the console</a></p>
<p><code>${escaped(code)}</code>, <code>${escaped(instance)}</code></p>
</main>
</html>
`;
}

function escaped(text: string): string {
  const signs: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replaceAll(/[&<>"]/g, (sign) => signs[sign] ?? sign);
}
