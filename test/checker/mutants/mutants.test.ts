import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { mutated } from '../seams/mutate.ts';
import { withPreload } from '../seams/index.ts';
import { mutantVariable } from '../seams/variables.ts';
import { mutants } from './mutants.ts';

const top = new URL('../../../', import.meta.url);

describe.each(mutants)('mutant $name', (mutant) => {
  test.each([...new Set(mutant.edits.map(({ file }) => file))])(
    'its texts are in %s once, and what it makes of it can be read',
    (file) => {
      const source = readFileSync(new URL(file, top), 'utf8');
      const changed = mutated(mutant, file, source);
      expect(changed).not.toBe(source);
      stripTypeScriptTypes(changed);
    },
  );
});

test('names are different', () => {
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
});

/** A program that loads the spool's writer in the main thread and in another one, and says whether what it loaded is the product. */
function loads(mutant: string): { readonly out: string; readonly err: string; readonly status: number | null } {
  const file = JSON.stringify(new URL('src/sync/spool-writer.ts', top).href);
  const look = `const { SpoolWriter } = await import(${file}); console.log(SpoolWriter.prototype.sync.toString().includes('makeDurable'));`;
  const program = `
    import { Worker } from 'node:worker_threads';
    ${look}
    new Worker(new URL(${JSON.stringify(`data:text/javascript,${encodeURIComponent(look)}`)}));`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    cwd: tmpdir(),
    env: { ...process.env, NODE_OPTIONS: withPreload(), [mutantVariable]: mutant },
  });
  return { out: stdout, err: stderr, status };
}

test('a mutant is what processes and their threads load', () => {
  expect(loads('ack before flush')).toMatchObject({ out: 'false\nfalse\n', status: 0 });
});

test('a mutant that nobody knows ends the process', () => {
  expect(loads('no such bug')).toMatchObject({
    out: '',
    status: 1,
    err: expect.stringContaining('there is no mutant'),
  });
});

test('a text that is not there once is an error that names it', () => {
  const [mutant] = mutants;
  if (mutant === undefined) throw new Error('no mutant');
  const [edit] = mutant.edits;
  expect(() => mutated(mutant, edit?.file ?? '', 'something else')).toThrow(
    `mutant ${mutant.name}: ${edit?.file} has 0 times`,
  );
  expect(() => mutated(mutant, edit?.file ?? '', `${edit?.find}${edit?.find}`)).toThrow('has 2 times');
});
