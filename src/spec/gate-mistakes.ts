import { z } from 'zod';
import type { Mistake } from './mistakes.ts';
import { pathText, type Places } from './places.ts';

/** As much of the document as this needs, so that it is looked at also in a document that has mistakes elsewhere. */
const gates = z.object({
  cutover: z.object({ gates: z.array(z.unknown()) }),
});
const withHeaders = z.object({ headers: z.record(z.string(), z.unknown()) });
const withKeys = z.object({ datadog: z.record(z.string(), z.unknown()) });

const secretName = /authorization|cookie|token|secret|password|key$/i;

/** Secrets that stand in the file. `written` is the document before the environment was put in: what came from there is where it should be. */
export function mistakesOfGates(written: unknown, places: Places): readonly Mistake[] {
  const found = gates.safeParse(written).data?.cutover.gates ?? [];
  return found.flatMap((gate, index) => {
    const words = {
      headers: withHeaders.safeParse(gate).data?.headers,
      datadog: withKeys.safeParse(gate).data?.datadog,
    };
    return Object.entries(words).flatMap(([word, values = {}]) =>
      Object.entries(values)
        .filter(([name, value]) => secretName.test(name) && isWritten(value))
        .map(([name]) => {
          const path = ['cutover', 'gates', index, word, name];
          const message = `a secret stands in the file: take it from the environment ("\${TOKEN}")`;
          return { ...places.ofValue(path), path: pathText(path), message };
        }),
    );
  });
}

function isWritten(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !value.includes('${');
}
