import { Scalar, visit, type Document } from 'yaml';
import type { Mistake } from './mistakes.ts';
import { hint } from './nearest.ts';
import type { Places } from './places.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const variable = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/**
 * Puts the environment into the document's values, in place; keys are left alone. `${NAME}`, `${NAME:-when it is not set}`, and `$${` for a plain `${`.
 * What is put in stays inside its value: it is never read as YAML, so that nothing in a variable can add a word to the file. An unquoted value that
 * becomes a number or `true` or `false` is one, as it would be if it stood there.
 */
export function expandEnvironment(document: Document.Parsed, env: Environment, places: Places): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  visit(document, {
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return;
      const text = node.value.replace(variable, (whole, name?: string, fallback?: string) => {
        if (name === undefined) return '${';
        const value = env[name] === '' ? undefined : env[name];
        if (value === undefined && fallback === undefined) mistakes.push(notSet(name, env, places, node));
        return value ?? fallback ?? whole;
      });
      node.value = node.type === Scalar.PLAIN ? asPlainValue(text) : text;
    },
  });
  return mistakes;
}

/** True for a text in which a variable could not be filled in: told already, so nothing else is said about it. */
export function isUnexpanded(value: unknown): boolean {
  return typeof value === 'string' && /\$\{[A-Za-z_]/.test(value);
}

function notSet(name: string, env: Environment, places: Places, node: Scalar): Mistake {
  const message = `the environment has no ${name}`;
  return { ...places.at(node.range?.[0] ?? 0), path: '', message, ...hint(name, Object.keys(env)) };
}

function asPlainValue(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}
