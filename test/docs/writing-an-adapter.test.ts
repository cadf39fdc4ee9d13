import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import * as testing from 'teal/testing';
import { sequencesContract } from 'teal/testing';

const example = 'examples/check-an-adapter.ts';
const page = async (): Promise<string> => readFile('docs/guide/writing-an-adapter.md', 'utf8');

test('the example of the page is the one that runs, and keeps every promise', async () => {
  const text = await page();
  expect(/^```ts\n(.*?)^```/ms.exec(text)?.[1]).toBe(await readFile(example, 'utf8'));
  const { stdout } = await promisify(execFile)(process.execPath, ['--test-reporter=spec', example]);
  const promises = sequencesContract(async () => Promise.reject(new Error('not opened')));
  for (const { name } of promises) expect(stdout).toContain(`✔ ${name}`);
  expect(text).toContain(`    ✔ ${promises[0]?.name}`);
});

test('the page has every kit for its ports', async () => {
  const text = await page();
  const kits = Object.keys(testing).filter((name) => name.endsWith('Contract') && name !== 'gateContract');
  for (const name of kits) expect(text).toContain(`\`${name}\``);
});
