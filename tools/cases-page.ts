import { readFileSync } from 'node:fs';
import { readIfThere } from './generated-page.ts';

const page = 'docs/reference/cases.md';
const allCases = 42;

/** What is wrong with the page of cases: a number that is missing or comes twice, a case that names no test and gives no reason, a test that is not there. Pure. */
export function mistakesIn(text: string, readTest: (path: string) => string | undefined): readonly string[] {
  const sections = text.split(/^### /m).slice(1);
  const numbers = sections.map((section) => Number(/^(\d+)\. /.exec(section)?.[1]));
  const counted = Array.from({ length: allCases }, (_, at) => at + 1).flatMap((number) => {
    const times = numbers.filter((other) => other === number).length;
    return times === 1 ? [] : [`case ${number} is there ${times} times`];
  });
  return [...counted, ...sections.flatMap((section, at) => mistakesOf(section, String(numbers[at]), readTest))];
}

function mistakesOf(section: string, number: string, readTest: (path: string) => string | undefined): string[] {
  const named = [...section.matchAll(/^- `([^`]+)`: (.+)$/gm)];
  const isExcused = /^(Cannot arise:|Waits for [A-Z]|Not tested yet:)/m.test(section);
  if (named.length === 0 && !isExcused) return [`case ${number} names no test, and gives no reason`];
  return named.flatMap(([, path = '', title = '']) => {
    const code = readTest(path)?.replaceAll(String.raw`\'`, "'");
    if (code === undefined) return [`case ${number}: there is no ${path}`];
    const isThere = ["'", '"', '`'].some((quote) => code.includes(`${quote}${title}${quote}`));
    return isThere ? [] : [`case ${number}: ${path} has no test "${title}"`];
  });
}

if (import.meta.main) {
  const mistakes = mistakesIn(readFileSync(page, 'utf8'), readIfThere);
  for (const mistake of mistakes) process.stdout.write(`${page}: ${mistake}\n`);
  if (mistakes.length > 0) process.exitCode = 1;
}
