import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { failpoint } from '../../kernel/failpoints.ts';
import type { Probed, Step } from '../../ports/step.ts';

/** A world of files, and five steps that change it in five ways that steps of a migration do. */
export function fileSteps(folder: string): readonly Step[] {
  const at = (name: string): string => join(folder, name);
  const read = (name: string): string | undefined =>
    existsSync(at(name)) ? readFileSync(at(name), 'utf8') : undefined;
  const remove = (...names: readonly string[]): void => names.forEach((name) => rmSync(at(name), { force: true }));
  const told = { locks: 'nothing', costs: 'nothing', undone: 'put back' };
  const doneWhen = (isDone: boolean): Probed =>
    isDone ? { state: 'done', evidence: 'it is there' } : { state: 'not done' };

  return [
    {
      ...told,
      id: 'make',
      does: 'makes a thing',
      probe: async () => doneWhen(read('thing') === 'made'),
      act: async () => writeFileSync(at('thing'), 'made'),
      undo: async () => remove('thing'),
    },
    {
      ...told,
      id: 'name',
      does: 'gives a thing a name that nobody knows beforehand, and hands it on',
      probe: async () => {
        const name = read('name');
        return name === undefined ? { state: 'not done' } : { state: 'done', evidence: 'named', facts: { name } };
      },
      act: async () => writeFileSync(at('name'), randomUUID()),
      undo: async () => remove('name'),
    },
    {
      ...told,
      id: 'overwrite',
      does: 'overwrites a setting whose value must come back',
      probe: async () => doneWhen(read('setting') === 'full'),
      remember: async () => ({ was: read('setting') ?? '' }),
      act: async () => writeFileSync(at('setting'), 'full'),
      undo: async (context) => {
        if (context.before !== undefined) writeFileSync(at('setting'), String(context.before['was']));
      },
    },
    {
      ...told,
      id: 'both',
      does: 'makes two things, and may be killed between them',
      probe: async () => {
        const [left, right] = [existsSync(at('left')), existsSync(at('right'))];
        return left && !right ? { state: 'partly', evidence: 'the left one is there' } : doneWhen(left && right);
      },
      act: async () => {
        writeFileSync(at('left'), '');
        failpoint('world:half-made');
        writeFileSync(at('right'), '');
      },
      undo: async () => {
        remove('left');
        failpoint('world:half-undone');
        remove('right');
      },
    },
    {
      ...told,
      id: 'use',
      does: 'uses the fact of an earlier step',
      probe: async () => doneWhen(existsSync(at('used'))),
      act: async (context) => writeFileSync(at('used'), String(context.facts('name')?.['name'])),
      undo: async () => remove('used'),
    },
  ];
}

/** All files with their contents; the name that nobody knows beforehand is written as `NAME`. */
export function worldOf(folder: string): Readonly<Record<string, string>> {
  const files = readdirSync(folder)
    .sort()
    .map((file) => [file, readFileSync(join(folder, file), 'utf8')] as const);
  const name = files.find(([file]) => file === 'name')?.[1];
  return Object.fromEntries(files.map(([file, text]) => [file, name !== undefined && text === name ? 'NAME' : text]));
}
