import { z } from 'zod';
import type { Mistake } from './mistakes.ts';
import { pathText, type Places } from './places.ts';

/** As much of the document as this needs, so that it is looked at also in a document that has mistakes elsewhere. */
const gates = z.object({
  cutover: z.object({ gates: z.array(z.unknown()) }),
});
const withHeaders = z.object({ headers: z.record(z.string(), z.unknown()) });

const secretHeader = /authorization|cookie|token|secret|password|key$/i;

/** Secrets that stand in the file. `written` is the document before the environment was put in: what came from there is where it should be. */
export function mistakesOfGates(written: unknown, places: Places): readonly Mistake[] {
  const found = gates.safeParse(written).data?.cutover.gates ?? [];
  return found.flatMap((gate, index) => {
    const headers = withHeaders.safeParse(gate).data?.headers ?? {};
    return Object.entries(headers).flatMap(([name, value]) => {
      if (!secretHeader.test(name) || typeof value !== 'string' || value === '' || value.includes('${')) return [];
      const path = ['cutover', 'gates', index, 'headers', name];
      const message = `a secret stands in the file: take it from the environment ("\${TOKEN}")`;
      return [{ ...places.ofValue(path), path: pathText(path), message }];
    });
  });
}
