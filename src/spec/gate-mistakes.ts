import { z } from 'zod';
import type { Mistake } from './mistakes.ts';
import { pathText, type Places } from './places.ts';

/** As much of the document as this needs, so that it is looked at also in a document that has mistakes elsewhere. */
const lists = [
  ['cutover', 'gates'],
  ['soak', 'health'],
  ['canary', 'revertOn'],
] as const;
const section = z.record(z.string(), z.unknown());
const list = z.array(z.unknown());
const withHeaders = z.object({ headers: z.record(z.string(), z.unknown()) });
const withKeys = z.object({ datadog: z.record(z.string(), z.unknown()) });

const secretName = /authorization|cookie|token|secret|password|key$/i;

/** Secrets that stand in the file. `written` is the document before the environment was put in: what came from there is where it should be. */
export function mistakesOfGates(written: unknown, where: Places): readonly Mistake[] {
  const document = section.safeParse(written).data ?? {};
  return lists.flatMap(([part, word]) => {
    const found = list.safeParse(section.safeParse(document[part]).data?.[word]).data ?? [];
    return found.flatMap((gate, index) => secretsOf(gate, [part, word, index], where));
  });
}

function secretsOf(gate: unknown, at: readonly (string | number)[], where: Places): readonly Mistake[] {
  const words = {
    headers: withHeaders.safeParse(gate).data?.headers,
    datadog: withKeys.safeParse(gate).data?.datadog,
  };
  return Object.entries(words).flatMap(([word, values = {}]) =>
    Object.entries(values)
      .filter(([name, value]) => secretName.test(name) && isWritten(value))
      .map(([name]) => {
        const path = [...at, word, name];
        const message = `a secret stands in the file: take it from the environment ("\${TOKEN}")`;
        return { ...where.ofValue(path), path: pathText(path), message };
      }),
  );
}

function isWritten(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !value.includes('${');
}
