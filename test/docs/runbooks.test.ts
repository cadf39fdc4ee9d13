import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { buildProgram } from '../../src/cli/command-line.ts';
import { parseSpec } from '../../src/spec/parse.ts';

const pages = [
  'docs/runbooks/roll-forward.md',
  'docs/runbooks/restore.md',
  'docs/runbooks/ci.md',
  'docs/runbooks/outbox-and-topic.md',
  'docs/guide/capture.md',
];

async function blocksOf(page: string, language: string): Promise<readonly string[]> {
  const text = await readFile(page, 'utf8');
  return [...text.matchAll(/^( *)```(\w+)\n([\s\S]*?)^ *```/gm)]
    .filter(([, , found]) => found === language)
    .map(([, indent = '', , block = '']) => block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));
}

test.each(pages)('every command of Teal in %s is there, with its options', async (page) => {
  const lines = (await blocksOf(page, 'sh')).flatMap((block) => block.split('\n'));
  const typed = lines.flatMap((line) => /^\s*(teal [^>|&]+)/.exec(line)?.[1] ?? []);
  expect(typed.length).toBeGreaterThan(page.endsWith('restore.md') ? -1 : 0);
  for (const line of typed) {
    const [, name, ...words] = line.trim().split(/\s+/);
    const group = buildProgram().commands.find((each) => each.name() === name);
    const command = group?.commands.find((each) => each.name() === words[0]) ?? group;
    const known = new Set(command?.options.flatMap(({ long, short }) => [long, short]));
    expect([line, command === undefined, words.filter((word) => /^--?[a-z]/.test(word) && !known.has(word))]).toEqual([
      line,
      false,
      [],
    ]);
  }
});

test('the backup of the runbook is right as it stands', async () => {
  const [yaml = ''] = await blocksOf('docs/runbooks/restore.md', 'yaml');
  const parsed = parseSpec(
    `teal: 1\nname: shop\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "postgres://g/shop" }\n${yaml}`,
    {
      env: { BLUE_URL: 'postgres://b/shop' },
      readText: () => undefined,
    },
  );
  expect(parsed.ok ? parsed.spec.cutover.backup : parsed.mistakes).toMatchObject({
    command: ['pg_dump', '--format=custom', '--file=before-the-cut.dump', '--dbname=postgres://b/shop'],
    timeoutMs: 7_200_000,
  });
});

test.each([
  ['green is well', { cutover: 0, rollback: 9 }, 'true', 0],
  ['the checks fail', { cutover: 0, rollback: 0 }, 'false', 3],
  ['a gate says no', { cutover: 3, rollback: 9 }, 'true', 3],
  ['a person is awaited', { cutover: 4, rollback: 9 }, 'false', 4],
  ['nobody can go back', { cutover: 0, rollback: 1 }, 'false', 1],
] as const)('the script of the pipeline ends as the runbook says when %s', async (_, ends, check, code) => {
  const folder = await mkdtemp(join(tmpdir(), 'teal-runbook-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  const [script = ''] = await blocksOf('docs/runbooks/ci.md', 'sh');
  await writeFile(
    join(folder, 'teal'),
    `#!/bin/sh\ncase $1 in cutover) exit ${ends.cutover};; rollback) exit ${ends.rollback};; esac\n`,
  );
  await chmod(join(folder, 'teal'), 0o700);
  const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}` };
  const child = spawn('sh', ['-s', check], { cwd: folder, env, stdio: ['pipe', 'ignore', 'ignore'] });
  child.stdin.end(script);
  expect((await once(child, 'exit'))[0]).toBe(code);
});
