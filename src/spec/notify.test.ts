import { expect, test } from 'vitest';
import { renderMistakes } from './mistakes.ts';
import { parseSpec, type ParsedSpec } from './parse.ts';
import { printableSpec } from './spec.ts';

const env = {
  BLUE_URL: 'postgres://h/shop',
  GREEN_URL: 'postgres://g/shop',
  HOOK: 'https://hooks.example/services/PlantedSecret',
  PLAIN: 'http://hooks.example/PlantedSecret',
  LOCAL: 'http://127.0.0.1:8080/PlantedSecret',
  NONE: 'PlantedSecret',
};
const fileOf = (notify: string): string =>
  `teal: 1\nname: shop\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\nnotify: ${notify}\n`;
const parse = (notify: string): ParsedSpec =>
  parseSpec(fileOf(notify), { env, readText: (path) => (path === 'hook' ? `${env.HOOK}\n` : undefined) });

test('webhooks are read from the environment or a file, and printed without what lets one in', () => {
  const parsed = parse(
    '[{ webhook: "${HOOK}" }, { webhook: { file: hook }, format: slack, on: [cut, stage], after: 5m }, { webhook: "${LOCAL}" }]',
  );
  expect(parsed.ok && parsed.spec.notify).toEqual([
    {
      url: env.HOOK,
      format: 'cloudevents',
      on: ['approval', 'gate', 'cut', 'rolledBack', 'failed', 'ended'],
      afterMs: 600_000,
    },
    { url: env.HOOK, format: 'slack', on: ['cut', 'stage'], afterMs: 300_000 },
    expect.objectContaining({ url: env.LOCAL }),
  ]);
  const printed = parsed.ok ? JSON.stringify(printableSpec(parsed.spec)) : '';
  expect(printed).toContain('https://hooks.example/***');
  expect(printed).not.toContain('PlantedSecret');
});

test.each([
  ['[{ webhook: "https://hooks.example/services/PlantedSecret" }]', 'whoever has this URL can write there'],
  ['[{ webhook: "http://127.0.0.1/PlantedSecret" }]', 'whoever has this URL can write there'],
  ['[{ webhook: "${PLAIN}" }]', 'over http:// everybody on the way can read it'],
  ['[{ webhook: "${NONE}" }]', 'expected an https:// URL'],
  ['[{ webhook: { file: gone } }]', 'the file that it names cannot be read'],
  ['[{ webhook: "${HOOK}", on: [cuts] }]', 'expected one of stage, approval'],
  ['[{ webhook: "${HOOK}", on: [] }]', 'expected'],
])('%s: %s', (notify, message) => {
  const parsed = parse(notify);
  expect(parsed.ok).toBe(false);
  const mistakes = parsed.ok ? [] : parsed.mistakes;
  expect(mistakes).toHaveLength(1);
  const rendered = renderMistakes('teal.yaml', fileOf(notify), mistakes);
  expect(rendered).toContain(message);
  expect(rendered).not.toContain('PlantedSecret');
});

test('a file without it is as it was', () => {
  const parsed = parse('[]');
  expect(parsed.ok && 'notify' in parsed.spec).toBe(false);
});
