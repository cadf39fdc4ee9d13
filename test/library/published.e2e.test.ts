import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runNode, tealPlace, type Ran } from '../support/teal-place.ts';

const top = resolve(import.meta.dirname, '../..');

async function run(cwd: string, env: NodeJS.ProcessEnv, command: string, ...args: readonly string[]): Promise<Ran> {
  const child = spawn(command, [...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: Number(exit[0] ?? -1), out, err };
}

/** Node and its npm of the test, whatever else is on PATH. */
const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` };

const consumer = `
import { migrate, isTealError, type MigrationEvent, type Outcome, type Run } from 'teal';
import type { Fence, Router } from 'teal/adapter';
import { checkRun, fenceContract, findAnomalies, formatEvent, pairEvents, parseEvents, sinkContract } from 'teal/testing';
import type { Anomaly, FenceWorld, HistoryEvent, OwnerState, RunRecord, SinkWorld, Txn, Violation } from 'teal/testing';
import { relayOutbox, type RelayEvent } from 'teal/outbox';
import { reconcile, type Consistency } from 'teal/dual-write';
const run: Run<Outcome> = migrate({ file: 'teal.yaml', signal: AbortSignal.timeout(1000) });
for await (const event of run) { const it: MigrationEvent = event; console.log(it.kind); }
declare const open: () => Promise<FenceWorld>;
export const names: readonly string[] = fenceContract(open).map(({ name }) => name);
declare const openSink: () => Promise<SinkWorld>;
export const ofSinks: readonly string[] = sinkContract(openSink).map(({ name }) => name);
export type Adapters = { readonly fence: Fence; readonly router: Router };
export const found = (files: readonly (readonly HistoryEvent[])[]): readonly Anomaly[] => findAnomalies(pairEvents(files));
export const judged = (txns: readonly Txn[], states: readonly OwnerState[]): readonly Violation[] => checkRun({ txns, states } satisfies Partial<RunRecord>);
export const copied = (text: string): string => parseEvents(text).map(formatEvent).join('');
export const relayed = async (signal: AbortSignal, onEvent: (event: RelayEvent) => void): Promise<void> => relayOutbox({ from: 'postgres://h/d', to: 'https://h/', signal, onEvent });
export const reconciled = async (): Promise<Consistency> => reconcile({ from: 'postgres://h/a', to: 'postgres://h/b', tables: ['t'] });
export const code = (error: unknown): string | undefined => (isTealError(error) ? error.code : undefined);
`;

/** A program's folder with the package in it, installed from its tarball. */
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'teal-installed-'));
  const built = await run(top, env, process.execPath, 'tools/build.ts');
  expect(built, built.out + built.err).toMatchObject({ code: 0 });
  const packed = await run(home, env, 'npm', 'pack', '--silent', join(top, 'dist'));
  expect(packed.err).toBe('');
  const tarball = packed.out.trim();
  await writeFile(join(home, 'package.json'), '{ "name": "consumer", "private": true, "type": "module" }');
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
  const installed = await run(home, env, 'npm', 'install', ...flags, `./${tarball}`);
  expect(installed, installed.err).toMatchObject({ code: 0 });
});

afterAll(async () => rm(home, { recursive: true, force: true }));

test('what is published has its command, the types of its library, and the judge of teal/testing', async () => {
  const version = await run(home, env, 'npx', '--no-install', 'teal', '--version');
  const { version: wanted } = JSON.parse(await readFile(join(top, 'package.json'), 'utf8')) as { version: string };
  expect(version.out.trim()).toBe(wanted);
  const help = await run(home, env, 'npx', '--no-install', 'teal', '--help');
  expect(help).toMatchObject({ code: 0 });
  expect(help.out).toContain('cutover');

  await writeFile(join(home, 'consumer.ts'), consumer);
  const typed = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'esnext', '--skipLibCheck'];
  const types = ['--types', 'node', '--typeRoots', join(top, 'node_modules/@types')];
  const checked = await run(home, env, join(top, 'node_modules/.bin/tsc'), ...typed, ...types, 'consumer.ts');
  expect(checked.out + checked.err).toBe('');

  await copyFile(join(home, 'node_modules/teal/examples/judge-history.ts'), join(home, 'judge-history.ts'));
  const judged = await run(home, env, process.execPath, 'judge-history.ts');
  expect(judged, judged.err).toMatchObject({ code: 0 });
  expect(judged.out).toContain('8 transactions, 0 anomalies');
  expect(judged.out).toContain('lost-append: 21 of client 2 op 1 was acknowledged');
});

test('what is published moves a database by its library, and back by its command', async () => {
  await using place = await tealPlace({
    schema:
      'create table t (id int primary key, note text); insert into t select n, n::text from generate_series(1, 500) n',
  });
  // Holders, workers with their threads and the proxy are started from the installation.
  const program = join(home, 'move.js');
  const { file } = place;
  await writeFile(
    program,
    `import { cutover, migrate } from 'teal';
     const [, , file] = process.argv;
     const first = await migrate({ file }).outcome;
     const last = await cutover({ file }).outcome;
     console.log(JSON.stringify([first.outcome, last.outcome, last.live]));`,
  );
  const moved = await runNode(home, place.env, program, file);
  expect(moved, moved.err).toMatchObject({ code: 0 });
  expect(JSON.parse(moved.out)).toEqual(['waiting', 'done', 'green']);
  const bin = join(home, 'node_modules/teal/cli/main.js');
  const back = await runNode(home, place.env, bin, 'rollback', '--file', file);
  expect(back, back.err).toMatchObject({ code: 0 });
  expect(back.out).toContain('blue is live');
});
