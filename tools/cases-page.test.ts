import { expect, test } from 'vitest';
import { mistakesIn } from './cases-page.ts';

const rest = Array.from({ length: 40 }, (_, at) => `### ${at + 3}. more\nCannot arise: so.\n`).join('\n');
const files: Readonly<Record<string, string>> = {
  'a.test.ts': `test('is it\\'s own', () => {}); test.each([])(\`%s too\`, f)`,
};
const look = (text: string): readonly string[] => mistakesIn(text, (path) => files[path]);

test('a page whose tests are there', () => {
  expect(
    look(
      `# Cases\n### 1. one\n- \`a.test.ts\`: is it's own\n- \`a.test.ts\`: %s too\n### 2. two\nWaits for Kafka: so.\n${rest}`,
    ),
  ).toEqual([]);
});

test('tests that are gone, cases that are missing, twice, or without either', () => {
  expect(
    look(`### 1. one\n- \`a.test.ts\`: renamed\n- \`b.test.ts\`: is it's own\n### 1. again\nnothing\n${rest}`),
  ).toEqual([
    'case 1 is there 2 times',
    'case 2 is there 0 times',
    'case 1: a.test.ts has no test "renamed"',
    'case 1: there is no b.test.ts',
    'case 1 names no test, and gives no reason',
  ]);
});
