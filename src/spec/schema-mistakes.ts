import { z } from 'zod';
import { notYet, specDocument } from './document.ts';
import { isUnexpanded } from './environment.ts';
import type { Mistake } from './mistakes.ts';
import { hint } from './nearest.ts';
import { pathText, type Path, type Places } from './places.ts';

/** More mistakes of one kind than are ever shown: finding the place of each takes time. */
const looked = 200;
const laterMessage = 'this version of Teal does not do this yet';

/** What the schema has against a document, in words of the file and at its places. `plain` is the document as plain values. */
export function schemaMistakes(error: z.ZodError, plain: unknown, places: Places): readonly Mistake[] {
  return error.issues.slice(0, looked).flatMap((issue) => mistakesOf(issue, plain, places));
}

function mistakesOf(issue: z.core.$ZodIssue, plain: unknown, places: Places): readonly Mistake[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  const given = valueAt(plain, path);
  if (isUnexpanded(given)) return [];
  if (issue.code === 'unrecognized_keys')
    return issue.keys.slice(0, looked).map((key) => unknownWord(path, key, places));
  if (issue.code === 'invalid_key') {
    const message = `expected ${issue.issues[0]?.message ?? 'another word'}`;
    return [{ ...places.ofKey(path), path: pathText(path), message }];
  }
  const told = { ...places.ofValue(path), path: pathText(path) };
  if (issue.code !== 'invalid_value') {
    const message = given === undefined && path.length > 0 ? 'is missing' : `expected ${expectedOf(issue)}`;
    return [{ ...told, message, ...hintOf(issue, given) }];
  }
  const words = issue.values.map(String);
  const expected = words.length === 1 ? words.join('') : `one of ${words.join(', ')}`;
  if (given === undefined) return [{ ...told, message: `missing: ${expected}` }];
  if (typeof given !== 'string') return [{ ...told, message: `expected ${expected}` }];
  if (notYet.values.includes(given)) return [{ ...told, message: `${laterMessage}; expected ${expected}` }];
  return [{ ...told, message: `expected ${expected}`, ...hint(given, words) }];
}

/** A check of a word against a list gives the list beside its message. */
function hintOf(issue: z.core.$ZodIssue, given: unknown): { readonly nearest?: string } {
  const words: unknown = issue.code === 'custom' ? issue.params?.['words'] : undefined;
  return typeof given === 'string' && Array.isArray(words) ? hint(given, words as readonly string[]) : {};
}

function unknownWord(parent: Path, key: string, places: Places): Mistake {
  const path = [...parent, key];
  const told = { ...places.ofKey(path), path: pathText(path) };
  if (notYet.words.includes(key)) return { ...told, message: laterMessage };
  return { ...told, message: 'unknown word', ...hint(key, keysAt(specDocument, parent)) };
}

/** Schemas carry what they expect as their message; only those that zod words itself are worded anew. */
function expectedOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) {
    return kinds[issue.expected] ?? `a value of type ${issue.expected}`;
  }
  return issue.message.replace(/^Invalid input: expected /, '');
}

const kinds: Readonly<Record<string, string>> = {
  object: 'a mapping of words to values',
  record: 'a mapping of words to values',
  array: 'a list',
  string: 'a text (in quotes, where it looks like something else)',
  number: 'a number',
  int: 'a whole number',
};

function valueAt(plain: unknown, path: Path): unknown {
  let value = plain;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}

/** The words that may stand at a place, read from the schema itself. */
function keysAt(schema: z.core.$ZodType, path: Path): readonly string[] {
  const inner = unwrap(schema);
  const [first, ...rest] = path;
  if (inner instanceof z.ZodArray) return keysAt(inner.element, rest);
  if (!(inner instanceof z.ZodObject)) return [];
  const shape = inner.shape as Readonly<Record<string, z.core.$ZodType>>;
  if (first === undefined) return Object.keys(shape);
  const next = shape[String(first)];
  return next === undefined ? [] : keysAt(next, rest);
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const isWrapper =
    schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  return isWrapper ? unwrap(schema.def.innerType) : schema;
}
