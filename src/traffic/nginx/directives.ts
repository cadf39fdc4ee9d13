import { TealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';

/** One directive of nginx's language: a name and words, up to a semicolon or the brace that opens its block. */
export interface Directive {
  readonly name: string;
  readonly words: readonly Word[];
  readonly opensBlock: boolean;
}

interface Word {
  readonly value: string;
  /** As it is written, quotes included, in the whole text. */
  readonly from: number;
  readonly to: number;
}

/** nginx, ngx_conf_read_token: blanks, comments, quoted words, plain words. What fits nowhere is a word of its own, so that no text is refused. */
const token =
  /\s+|#[^\n]*|(?<mark>[;{}])|(?<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<plain>(?:\\.|\$\{[^}]*\}|[^\s;{}"'])(?:\\.|\$\{[^}]*\}|[^\s;{}])*|["'])/gsy;

/** All directives of a text, those in blocks too, in the order in which they are written. Pure, and total: a text of another language gives nonsense, never an error. */
export function directivesOf(text: string): readonly Directive[] {
  const found: Directive[] = [];
  let words: Word[] = [];
  for (const match of text.matchAll(token)) {
    const { mark, quoted, plain } = match.groups ?? {};
    const [from, to] = [match.index, match.index + match[0].length];
    if (quoted !== undefined) words.push({ value: quoted.slice(1, -1).replace(/\\(.)/gs, '$1'), from, to });
    else if (plain !== undefined) words.push({ value: plain.replace(/\\(.)/gs, '$1'), from, to });
    else if (mark !== undefined) {
      const [name, ...rest] = words;
      if (name !== undefined) found.push({ name: name.value, words: rest, opensBlock: mark === '{' });
      words = [];
    }
  }
  return found;
}

/** How a side is written in nginx's file: the upstream that clients go to, and where the workers that lead there listen for who asks. */
export interface NginxSide {
  readonly upstream: string;
  /** As `listen` has it: host:port. */
  readonly status: string;
}

export type NginxSides = Readonly<Record<Side, NginxSide>>;

/** Where a file leads: its one `default` (of a `map`) and its one `listen` of the two. TEAL-TRAFFIC-016 where there is none of either, or more; unknown where they are not of one side. */
export function sideIn(text: string, sides: NginxSides): Side | 'unknown' {
  const { upstream, status } = wordsIn(text, sides);
  const isSide = (side: Side): boolean =>
    sides[side].upstream === upstream.value && sides[side].status === status.value;
  return (['blue', 'green'] as const).find(isSide) ?? 'unknown';
}

/** The same text with these two words replaced, and nothing else. TEAL-TRAFFIC-016. */
export function withSide(text: string, sides: NginxSides, side: Side): string {
  const { upstream, status } = wordsIn(text, sides);
  const edits = [
    { ...upstream, to: sides[side].upstream, until: upstream.to },
    { ...status, to: sides[side].status, until: status.to },
  ];
  return edits
    .filter(({ value, to }) => value !== to)
    .toSorted((one, other) => other.from - one.from)
    .reduce((changed, { from, until, to }) => changed.slice(0, from) + quoted(to) + changed.slice(until), text);
}

function quoted(word: string): string {
  return /^[\w.:[\]-]+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`;
}

function wordsIn(text: string, sides: NginxSides): { readonly upstream: Word; readonly status: Word } {
  const all = directivesOf(text);
  const defaults = all.filter(({ name, words, opensBlock }) => name === 'default' && words.length === 1 && !opensBlock);
  const listens = all.filter(
    ({ name, words: [word] }) =>
      name === 'listen' && [sides.blue.status, sides.green.status].includes(word?.value ?? ''),
  );
  return {
    upstream: theOne(defaults, '`default …;`, which says where clients go'),
    status: theOne(listens, `\`listen\` at ${sides.blue.status} or ${sides.green.status}`),
  };
}

function theOne(found: readonly Directive[], what: string): Word {
  const [word] = found[0]?.words ?? [];
  if (found.length === 1 && word !== undefined) return word;
  throw new TealError('TEAL-TRAFFIC-016', `the file of nginx has ${found.length === 0 ? 'no' : found.length} ${what}`);
}

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  M: 2_592_000_000,
  y: 31_536_000_000,
};

/** nginx, "Configuration file measurement units": `1m 30s`; without a unit seconds. NaN for what is none. */
export function nginxTimeMs(text: string): number {
  if (!/^(\d+(ms|[smhdwMy])?\s*)+$/.test(text)) return Number.NaN;
  return [...text.matchAll(/(\d+)(ms|[smhdwMy])?/g)].reduce(
    (total, [, count, unit = 's']) => total + Number(count) * (unitsMs[unit] ?? 0),
    0,
  );
}
