import { isMap, isScalar, parseDocument, type Scalar } from 'yaml';
import { TealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';

/** Names of variants. */
export type Variants = Readonly<Record<Side, string>>;

/** A flag as a file of flagd has it. */
export interface Flag {
  readonly side: Side | 'unknown';
  /** Names of its variants. */
  readonly variants: readonly string[];
  /** What keeps its default from being what everybody is told. */
  readonly isDisabled: boolean;
  readonly isTargeted: boolean;
  readonly written: Scalar;
}

/** One flag of a file of flagd (flagd.dev/schema/v0/flags.json; JSON, or YAML). TEAL-TRAFFIC-016 where it is not there, or the text cannot be read. */
export function flagIn(text: string, key: string, variants: Variants): Flag {
  const document = parseDocument(text);
  const [mistake] = document.errors;
  if (mistake !== undefined) throw unusable(`cannot be read: ${mistake.code}`);
  const flag = document.getIn(['flags', key]);
  if (!isMap(flag)) throw unusable(`has no flag ${key} below \`flags\``);
  const written = flag.get('defaultVariant', true);
  if (!isScalar(written) || typeof written.value !== 'string') throw unusable(`names no \`defaultVariant\` of ${key}`);
  const [known, targeting] = [flag.get('variants'), flag.get('targeting')];
  return {
    side: (['blue', 'green'] as const).find((side) => variants[side] === written.value) ?? 'unknown',
    variants: isMap(known) ? known.items.map(({ key: name }) => String(isScalar(name) ? name.value : name)) : [],
    isDisabled: flag.get('state') !== 'ENABLED',
    isTargeted: isMap(targeting) && targeting.items.length > 0,
    written,
  };
}

/** The same text with another default, and nothing else changed. TEAL-TRAFFIC-016. */
export function withDefault(text: string, key: string, variants: Variants, side: Side): string {
  const { written } = flagIn(text, key, variants);
  const [from, to] = written.range ?? [0, 0];
  const name = variants[side];
  const isPlain = written.type === 'PLAIN' && /^[A-Za-z_][\w.-]*$/.test(name);
  return text.slice(0, from) + (isPlain ? name : JSON.stringify(name)) + text.slice(to);
}

function unusable(why: string): TealError {
  return new TealError('TEAL-TRAFFIC-016', `the file of flags ${why}`);
}
