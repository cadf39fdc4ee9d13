import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { ActingKey } from '../model/acting-keys.ts';
import { asPosition } from '../model/position.ts';
import {
  firstPositionFile,
  readFirstPosition,
  removeFirstPosition,
  requireFirstPosition,
  writeFirstPosition,
} from './first-position.ts';

const key: ActingKey = {
  name: 'of',
  child: { schema: 's', name: 'child' },
  columns: ['of'],
  parent: { schema: 's', name: 'parent' },
  referencedColumns: ['id'],
  onDelete: 'cascade',
  onUpdate: 'none',
};

async function stateFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-first-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  return join(folder, 'state');
}

test('the place where a flow begins is read back as it was written last, by its owner alone, one for each flow', async () => {
  const folder = await stateFolder();
  expect(await readFirstPosition(folder, 'forward')).toBeUndefined();
  const beginning = { position: asPosition('0000000123.000000004567|a:1-5'), actingKeys: [key] };
  await writeFirstPosition(folder, 'forward', { position: asPosition('1'), actingKeys: [] });
  await writeFirstPosition(folder, 'forward', beginning);
  expect(await readFirstPosition(folder, 'forward')).toEqual(beginning);
  expect(await readFirstPosition(folder, 'reverse')).toBeUndefined();
  expect((await stat(firstPositionFile(folder, 'forward'))).mode & 0o777).toBe(0o600);
  await removeFirstPosition(folder, 'forward');
  await removeFirstPosition(folder, 'forward');
  expect(await readFirstPosition(folder, 'forward')).toBeUndefined();
});

test('a worker does not begin anywhere else when the file is missing or is none', async () => {
  const folder = await stateFolder();
  const path = firstPositionFile(folder, 'reverse');
  const refused = { code: 'TEAL-CARRIERS-009' };
  await expect(requireFirstPosition(path)).rejects.toMatchObject(refused);
  await expect(requireFirstPosition(undefined)).rejects.toMatchObject(refused);
  await writeFirstPosition(folder, 'reverse', { position: asPosition('1'), actingKeys: [] });
  expect((await requireFirstPosition(path)).position).toBe('1');
  await writeFile(path, '{"position":"2"}');
  expect(await requireFirstPosition(path)).toEqual({ position: '2', actingKeys: [] });
  for (const text of ['', '{}', '{"position":""}', '{"position":1}', '{"position":"1","actingKeys":[{}]}']) {
    await writeFile(path, text);
    await expect(requireFirstPosition(path), text).rejects.toMatchObject(refused);
  }
});
