import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import * as testing from 'teal/testing';
import { invariants } from '../../src/testing/checker/invariants.ts';

const example = 'examples/judge-history.ts';
const page = async (): Promise<string> => readFile('docs/guide/judging-histories.md', 'utf8');

/** Times differ from run to run. */
const timeless = (text: string): string => text.replaceAll(/\d+ µs/g, 'some µs');

test('the example of the page is the one that runs, and prints what the page says', async () => {
  const text = await page();
  expect(/^```ts\n(.*?)^```/ms.exec(text)?.[1]).toBe(await readFile(example, 'utf8'));
  const { stdout } = await promisify(execFile)(process.execPath, [example]);
  expect(stdout).toContain('lost-append');
  const printed = stdout.replaceAll(/^(?=.)/gm, '    ');
  expect(timeless(text)).toContain(`It prints:\n\n${timeless(printed)}`);
});

test('the page has every invariant under its number', async () => {
  const text = await page();
  for (const { number, says } of invariants) expect(text).toContain(`| ${number} | ${says} |`);
});

test('teal/testing has the kits and the judge, and nothing else', () => {
  expect(Object.keys(testing).toSorted()).toEqual([
    'HistoryFault',
    'checkRun',
    'copyContract',
    'fenceContract',
    'findAnomalies',
    'formatEvent',
    'gateContract',
    'introspectorContract',
    'keeperContract',
    'pairEvents',
    'parseEvents',
    'routerContract',
    'schemaContract',
    'schemasContract',
    'sequencesContract',
    'sideContract',
    'sinkContract',
    'sourceContract',
    'stepContract',
  ]);
});
