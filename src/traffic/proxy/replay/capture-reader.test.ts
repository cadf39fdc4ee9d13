import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lineOf, type CaptureRecord } from '../capture/format.ts';
import { inOrder, readCapture } from './capture-reader.ts';
import { summarise } from './summary.ts';

const header = lineOf({
  teal: 'capture',
  version: 1,
  migration: 'shop',
  atIso: '2026-11-30T10:00:00.000Z',
  redacted: false,
});
const open = (s: string, t: number): CaptureRecord => ({
  k: 'open',
  s,
  t,
  user: 'a',
  parameters: {},
  shown: {},
  state: [],
});
const ask = (s: string, u: number, t: number, sql = 'select 1'): CaptureRecord => ({
  k: 'ask',
  s,
  u,
  t,
  m: [['Q', sql]],
});
const done = (s: string, u: number, t: number, ms: number, e?: string): CaptureRecord => ({
  k: 'done',
  s,
  u,
  t,
  ms,
  ...(e === undefined ? {} : { e }),
});
const end: CaptureRecord = {
  k: 'end',
  p: 0,
  t: 5_000,
  why: 'time',
  sessions: 1,
  asks: 2,
  dropped: 3,
  leftOut: { 'too long': 1 },
};

async function captured(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-capture-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'capture.jsonl');
  await writeFile(path, text);
  return path;
}

test('a capture is told by statement, and records of several processes come in the order of time', async () => {
  const records: readonly CaptureRecord[] = [
    { k: 'begin', p: 0, t: 0 },
    open('0-1', 10),
    ask('0-1', 1, 20, 'select 17'),
    open('1-1', 5),
    ask('1-1', 1, 15, 'select 18'),
    done('0-1', 1, 25, 4),
    done('1-1', 1, 3_000, 8, '57014'),
    { k: 'close', s: '0-1', t: 2_900 },
    end,
  ];
  const path = await captured(header + records.map(lineOf).join(''));
  const summary = await summarise(path);
  expect(summary).toMatchObject({
    sessions: 2,
    sessionsAtMost: 2,
    asks: 2,
    dropped: 3,
    isWhole: true,
    disorderMs: 100,
    lastedMs: 5_000,
  });
  expect(summary.statements).toMatchObject([{ statement: 'select ?', count: 2, errors: { '57014': 1 } }]);
  const times: number[] = [];
  for await (const { t } of inOrder(readCapture(path), summary.disorderMs)) times.push(t);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times).toHaveLength(records.length);
});

test('a capture of MySQL says so, and is told by its statements: texts in double quotes are values there', async () => {
  const records: readonly CaptureRecord[] = [
    open('0-1', 1),
    {
      k: 'ask',
      s: '0-1',
      u: 1,
      t: 2,
      m: [
        ['P', '1', 'select name from T where a = "x" # one', []],
        ['X', '1', [], []],
      ],
    },
    done('0-1', 1, 3, 4),
    { k: 'ask', s: '0-1', u: 2, t: 4, m: [['I', 'shop']] },
    done('0-1', 2, 5, 1, '1049'),
  ];
  const ofMysql = header.replace('"version":1', '"version":2,"system":"mariadb"');
  const { header: read, statements } = await summarise(await captured(ofMysql + records.map(lineOf).join('')));
  expect(read).toMatchObject({ version: 2, system: 'mariadb' });
  expect(statements).toMatchObject([
    { statement: 'select name from t where a = ?', count: 1 },
    { statement: 'use `shop`', errors: { '1049': 1 } },
  ]);
});

test('a capture that ends in the middle of a line is read up to there, and is told as not whole', async () => {
  const text = [{ k: 'begin', p: 0, t: 0 } as const, open('0-1', 1), ask('0-1', 1, 2), ask('0-1', 2, 3)]
    .map(lineOf)
    .join('');
  const summary = await summarise(await captured(header + text.slice(0, -9)));
  expect(summary).toMatchObject({ isWhole: false, asks: 1 });
});

test.each([
  ['no capture', 'select 1\n', 'line 1'],
  ['another version', header.replace('"version":1', '"version":3'), 'line 1'],
  ['version 2 without its system', header.replace('"version":1', '"version":2'), 'line 1'],
  ['version 1 with a system', header.replace('"version":1', '"version":1,"system":"mysql"'), 'line 1'],
  ['nothing', '', 'line 1'],
  ['a line in its middle that is no record', `${header}${lineOf(open('0-1', 1))}{"k":"ask"\n${lineOf(end)}`, 'line 3'],
])('%s is refused, with its line', async (_, text, line) => {
  await expect(summarise(await captured(text))).rejects.toThrow(new RegExp(`TEAL-TRAFFIC-036.*${line}`));
});
