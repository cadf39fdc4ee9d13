import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parseCalendar } from '../../src/gates/freeze/calendar.ts';
import { gateKinds } from '../../src/spec/gate-document.ts';
import { parseSpec } from '../../src/spec/parse.ts';
import type { GateSpec } from '../../src/spec/spec.ts';

const head = 'teal: 1\nname: shop\nblue: { url: "postgres://b/shop" }\ngreen: { url: "postgres://g/shop" }\n';

const page = await readFile('docs/guide/gates.md', 'utf8');
const blocks = [...page.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, block]) => block ?? '');

function gatesOf(block: string): readonly GateSpec[] {
  const gates = block.startsWith('cutover:') ? block : `cutover:\n  gates:\n${block.replaceAll(/^/gm, '    ')}`;
  const parsed = parseSpec(`${head}${gates}`, {
    env: { TOKEN: 'x', DD_API_KEY: 'x', DD_APP_KEY: 'x' },
    readText: () => undefined,
  });
  expect(parsed.ok ? [] : parsed.mistakes).toEqual([]);
  return parsed.ok ? parsed.spec.cutover.gates : [];
}

test('every example of a gate is right as it stands, and there is one of each kind', () => {
  const isCalendar = (block: string): boolean => block.startsWith('zone:');
  // Of Alertmanager: a test with the program itself looks at it.
  const isOfOthers = (block: string): boolean => block.startsWith('route:');
  const shown = blocks.filter((block) => !isCalendar(block) && !isOfOthers(block)).flatMap(gatesOf);
  expect(new Set(shown.map(({ kind }) => kind))).toEqual(new Set([...gateKinds, 'sql on both']));
  const calendars = blocks.filter(isCalendar).map(parseCalendar);
  expect(calendars.map(({ freezes }) => freezes.length)).toEqual([2]);
});
