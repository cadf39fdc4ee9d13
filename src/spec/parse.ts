import { LineCounter, parseDocument, visit, type Document } from 'yaml';
import { z } from 'zod';
import { specDocument } from './document.ts';
import { expandEnvironment, type Environment } from './environment.ts';
import type { Mistake } from './mistakes.ts';
import { mistakesOfGates } from './gate-mistakes.ts';
import { mistakesOfPair } from './pair-mistakes.ts';
import { readWebhooks } from './notify.ts';
import { placesOf, type Places } from './places.ts';
import { schemaMistakes } from './schema-mistakes.ts';
import { normalForm, type Spec } from './spec.ts';
import { readUrls, writtenUrls } from './urls.ts';

export interface ParseOptions {
  readonly env: Environment;
  /** Text of a file that the document names, by a path as it stands there; undefined when it cannot be read. */
  readonly readText: (path: string) => string | undefined;
  /** The file's own, absolute. */
  readonly folder?: string;
}

export type ParsedSpec =
  | { readonly ok: true; readonly spec: Spec }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

const maxMistakes = 100;
/** Far more than anybody's file, in characters: what is longer is another file, and would only be waited for. */
const maxLength = 256 << 10;
/** Words in one mapping: the parser compares each with each. */
const maxWords = 500;
/** Of one alias bomb: enough for anybody's anchors. */
const maxAliases = 50;

/** The normal form of a user's file, or every mistake in it. Never throws for what stands in the file. */
export function parseSpec(text: string, options: ParseOptions): ParsedSpec {
  try {
    return parseNested(text, options);
  } catch (error) {
    // The parser walks its documents by recursion.
    if (!(error instanceof RangeError)) throw error;
    return failed([{ line: 1, column: 1, path: '', message: tooDeep }]);
  }
}

const tooDeep = 'lists and mappings are nested too deeply: this is no migration file';

function parseNested(text: string, options: ParseOptions): ParsedSpec {
  const oversized = oversizedBy(text);
  if (oversized !== undefined) return failed([{ line: 1, column: 1, path: '', message: oversized }]);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    logLevel: 'error',
  });
  const places = placesOf(document, lines, text.length);
  const syntax = syntaxMistakes(document, places);
  // A document that is not even YAML has no places to point at.
  if (document.errors.some((error) => error.code !== 'DUPLICATE_KEY')) return failed(syntax);
  const before = toPlain(document);
  const written = writtenUrls(before);
  const unset = expandEnvironment(document, options.env, places);
  const plain = toPlain(document);
  const parsed = specDocument.safeParse(plain, { reportInput: true });
  const { urls, mistakes: urlMistakes } = readUrls(plain, written, options.readText, places);
  const pairMistakes = mistakesOfPair(plain, places);
  const told = parsed.success ? [] : schemaMistakes(parsed.error, plain, places);
  const gateMistakes = mistakesOfGates(before, places);
  const webhooks = readWebhooks(plain, before, options.readText, places);
  const mistakes = [
    ...syntax,
    ...unset,
    ...told,
    ...urlMistakes,
    ...pairMistakes,
    ...gateMistakes,
    ...webhooks.mistakes,
  ];
  if (!parsed.success || mistakes.length > 0) return failed(mistakes);
  return { ok: true, spec: normalForm(parsed.data, { ...urls, notify: webhooks.urls }, options.folder) };
}

/** What would take the parser minutes; undefined for anybody's file. */
function oversizedBy(text: string): string | undefined {
  if (text.length > maxLength) return `the file is longer than ${maxLength} characters: this is no migration file`;
  // Too short for so many words.
  if (text.length < 4 * maxWords) return undefined;
  let crowded = false;
  visit(parseDocument(text, { uniqueKeys: false, logLevel: 'silent' }), {
    Map: (_, node) => {
      crowded ||= node.items.length > maxWords;
      return crowded ? visit.BREAK : undefined;
    },
  });
  return crowded ? `a mapping of more than ${maxWords} words: this is no migration file` : undefined;
}

function failed(mistakes: readonly Mistake[]): ParsedSpec {
  const inOrder = mistakes.toSorted((a, b) => a.line - b.line || a.column - b.column);
  // Mistakes that follow from others are left out; should that ever leave none, the file is still refused, with a word.
  if (inOrder.length === 0)
    return { ok: false, mistakes: [{ line: 1, column: 1, path: '', message: 'the file cannot be understood' }] };
  return { ok: false, mistakes: inOrder.slice(0, maxMistakes) };
}

function syntaxMistakes(document: Document.Parsed, places: Places): readonly Mistake[] {
  return [...document.errors, ...document.warnings].map((error) => {
    const { line, column } = places.at(error.pos[0]);
    // What the parser met while it was inside of itself it reports as a mistake of the file.
    const message = /call stack|stack overflow/i.test(error.message) ? tooDeep : error.message;
    return { line, column, path: '', message: message.replace(/\s+/g, ' ').trim() };
  });
}

/** Undefined for aliases that repeat themselves until the memory is full: the schema then says that there is no document. */
function toPlain(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: maxAliases }) as unknown;
  } catch {
    return undefined;
  }
}

/** For editors: the JSON Schema (draft 2020-12) of the file. */
export function specJsonSchema(): unknown {
  return z.toJSONSchema(specDocument, { io: 'input', unrepresentable: 'any' });
}
