import {
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
} from 'yaml';
import { z } from 'zod';
import { notYet, specDocument, type SpecDocument } from './document.ts';
import type { Mistake } from './mistakes.ts';
import { nearestWord } from './nearest.ts';
import { normalForm, type Spec } from './spec.ts';

export interface ParseOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Text of a file that the document names, by a path as it stands there; undefined when it cannot be read. */
  readonly readText: (path: string) => string | undefined;
}

export type ParsedSpec =
  | { readonly ok: true; readonly spec: Spec }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

type Path = readonly (string | number)[];

const maxMistakes = 100;

/**
 * The normal form of a user's file, or every mistake in it. Never throws for what stands in the file.
 * `${NAME}` and `${NAME:-default}` in values are taken from the environment, `$${` is a plain `${`.
 */
export function parseSpec(text: string, options: ParseOptions): ParsedSpec {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(Math.max(0, Math.min(offset, text.length)));
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const mistakes: Mistake[] = document.errors.map((error) => ({
    ...at(error.pos[0]),
    path: '',
    message: oneLine(error.message),
  }));
  const fail = (): ParsedSpec => ({ ok: false, mistakes: inOrder(mistakes).slice(0, maxMistakes) });
  // A document that is not even YAML has no places to point at.
  if (document.errors.some((error) => error.code !== 'DUPLICATE_KEY')) return fail();
  mistakes.push(...expand(document, options.env, at));
  const place = (path: Path, wantKey: boolean): { line: number; column: number } =>
    at(offsetOf(document, path, wantKey));
  const plain = toPlain(document);
  const parsed = specDocument.safeParse(plain, { reportInput: true });
  if (!parsed.success) {
    mistakes.push(...parsed.error.issues.flatMap((issue) => mistakesOf(issue, plain, place)));
    return fail();
  }
  const urls = readUrls(parsed.data, options, place, mistakes);
  if (mistakes.length > 0) return fail();
  return { ok: true, spec: normalForm(parsed.data, urls) };
}

function inOrder(mistakes: readonly Mistake[]): Mistake[] {
  return [...mistakes].sort((a, b) => a.line - b.line || a.column - b.column);
}

function oneLine(message: string): string {
  return message.replace(/\s+/g, ' ').trim();
}

/** Aliases that repeat themselves would fill the memory: `yaml` refuses them, and that is a mistake like any other for the schema. */
function toPlain(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: 50 }) as unknown;
  } catch {
    return undefined;
  }
}

const variable = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

function expand(
  document: Document.Parsed,
  env: ParseOptions['env'],
  at: (offset: number) => { line: number; column: number },
): Mistake[] {
  const mistakes: Mistake[] = [];
  visit(document, {
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return;
      node.value = node.value.replace(variable, (whole, name?: string, fallback?: string) => {
        if (name === undefined) return '${';
        const value = env[name];
        if (value !== undefined && value !== '') return value;
        if (fallback !== undefined) return fallback;
        mistakes.push({
          ...at(node.range?.[0] ?? 0),
          path: '',
          message: `the environment has no ${name}`,
          ...near(nearestWord(name, Object.keys(env))),
        });
        return whole;
      });
    },
  });
  return mistakes;
}

function near(word: string | undefined): { readonly nearest?: string } {
  return word === undefined ? {} : { nearest: word };
}

/** Where a path begins in the text: of its key, or of its value. The nearest parent where the path itself is not there. */
function offsetOf(document: Document.Parsed, path: Path, wantKey: boolean): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const [index, part] of path.entries()) {
    const last = index === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(part),
      );
      if (pair === undefined) return offset;
      const key = pair.key as Node;
      offset = last && wantKey ? (key.range?.[0] ?? offset) : startOf(pair.value, key.range?.[0] ?? offset);
      node = pair.value;
    } else if (isSeq(node) && typeof part === 'number') {
      node = node.items[part];
      offset = startOf(node, offset);
    } else return offset;
  }
  return offset;
}

function startOf(node: unknown, otherwise: number): number {
  return isNode(node) ? (node.range?.[0] ?? otherwise) : otherwise;
}

function pathText(path: Path): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
}

function mistakesOf(
  issue: z.core.$ZodIssue,
  plain: unknown,
  place: (path: Path, wantKey: boolean) => { line: number; column: number },
): Mistake[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const full = [...path, key];
        const missing = notYet.includes(key);
        const message = missing ? 'this version of Teal does not do this yet' : 'unknown word';
        return {
          ...place(full, true),
          path: pathText(full),
          message,
          ...(missing ? {} : near(nearestWord(key, keysAt(specDocument, path)))),
        };
      });
    case 'invalid_value': {
      const words = issue.values.map(String);
      const given = valueAt(plain, path);
      const expected = words.length === 1 ? words.join('') : `one of ${words.join(', ')}`;
      return [
        {
          ...place(path, false),
          path: pathText(path),
          message: given === undefined ? `missing: ${expected}` : `expected ${expected}`,
          ...(typeof given === 'string' ? near(nearestWord(given, words)) : {}),
        },
      ];
    }
    default: {
      const given = valueAt(plain, path);
      const message = given === undefined && path.length > 0 ? 'is missing' : `expected ${expectedOf(issue)}`;
      return [{ ...place(path, false), path: pathText(path), message }];
    }
  }
}

function expectedOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) {
    return issue.expected === 'object' || issue.expected === 'record'
      ? 'a mapping of words to values'
      : `a value of type ${issue.expected}`;
  }
  return issue.message.replace(/^Invalid input: expected /, '');
}

function valueAt(plain: unknown, path: Path): unknown {
  let value = plain;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
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
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return unwrap(schema.def.innerType);
  }
  return schema;
}

function readUrls(
  document: SpecDocument,
  options: ParseOptions,
  place: (path: Path, wantKey: boolean) => { line: number; column: number },
  mistakes: Mistake[],
): { readonly blue: string; readonly green: string } {
  const read = (side: 'blue' | 'green'): string => {
    const { url } = document[side];
    const text = typeof url === 'string' ? url : options.readText(url.file)?.trim();
    const where = { ...place([side, 'url'], false), path: `${side}.url` };
    if (text === undefined) mistakes.push({ ...where, message: 'the file that it names cannot be read' });
    // An unset variable is a mistake already: the URL that is not one because of it is not a second.
    else if (!/^postgres(ql)?:\/\//.test(text) && !text.includes('${'))
      mistakes.push({ ...where, message: 'expected a postgres:// URL' });
    return text ?? '';
  };
  return { blue: read('blue'), green: read('green') };
}

/** For editors: the JSON Schema (draft 2020-12) of the file. */
export function specJsonSchema(): unknown {
  return z.toJSONSchema(specDocument, { io: 'input', unrepresentable: 'any' });
}
