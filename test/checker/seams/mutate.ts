import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { mutants } from '../mutants/mutants.ts';
import type { Edit, Mutant } from '../mutants/mutant.ts';

const top = new URL('../../../', import.meta.url).href;

/**
 * From now on this thread loads the mutant's sources changed. A text that is not there exactly once ends the process: a mutant that has become the product again
 * would be missed for ever.
 */
export function mutateSources(name: string): void {
  const mutant = mutantNamed(name);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const file = url.startsWith(top) ? url.slice(top.length) : undefined;
      if (file === undefined || !mutant.edits.some((edit) => edit.file === file)) return loaded;
      if (loaded.source === undefined || loaded.source === null) {
        throw new Error(`mutant ${name}: ${fileURLToPath(url)} was loaded without its source`);
      }
      const source =
        typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString();
      return { ...loaded, source: mutated(mutant, file, source) };
    },
  });
}

export function mutantNamed(name: string): Mutant {
  const found = mutants.find((mutant) => mutant.name === name);
  if (found === undefined)
    throw new Error(`there is no mutant ${name}; there are: ${mutants.map((each) => each.name).join(', ')}`);
  return found;
}

/** The file's source with all of the mutant's edits of it. */
export function mutated(mutant: Mutant, file: string, source: string): string {
  return mutant.edits
    .filter((edit) => edit.file === file)
    .reduce((text, edit) => edited(mutant.name, text, edit), source);
}

function edited(name: string, source: string, { file, find, replace }: Edit): string {
  const parts = source.split(find);
  if (parts.length !== 2) throw new Error(`mutant ${name}: ${file} has ${parts.length - 1} times, not once: ${find}`);
  return parts.join(replace);
}
