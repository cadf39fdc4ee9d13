import { frameHeaderBytes } from '../../wire/postgres/frames.ts';

/** Types that are not built in get numbers from here on; the same type has another number on another server. */
const firstUserType = 16_384;

export interface TypeNumbers {
  /** For statements that the old side knew: every user type that both sides have. */
  readonly kept: ReadonlyMap<number, number>;
  /** For what a client sends later, from memory: only numbers that mean nothing on the new side. */
  readonly remembered: ReadonlyMap<number, number>;
}

export const sameTypes: TypeNumbers = Object.freeze({ kept: new Map(), remembered: new Map() });

/** How the numbers of one side translate into those of the other, by qualified name. */
export function translateTypes(from: ReadonlyMap<number, string>, to: ReadonlyMap<number, string>): TypeNumbers {
  const numbers = new Map([...to].map(([oid, name]) => [name, oid]));
  const kept = new Map<number, number>();
  for (const [oid, name] of from) {
    const other = numbers.get(name);
    if (other !== undefined) kept.set(oid, other);
  }
  return { kept, remembered: new Map([...kept].filter(([oid]) => !to.has(oid))) };
}

/** The Parse message with the types of its parameters renumbered: itself when there is nothing to do, undefined when a number has no translation. */
export function withTypes(parse: Buffer, types: ReadonlyMap<number, number>): Buffer | undefined {
  let bytes = parse;
  for (let at = firstTypeAt(parse); at + 4 <= parse.length; at += 4) {
    const oid = parse.readUInt32BE(at);
    if (oid < firstUserType) continue;
    const other = types.get(oid);
    if (other === undefined) return undefined;
    if (bytes === parse) bytes = Buffer.from(parse);
    bytes.writeUInt32BE(other, at);
  }
  return bytes;
}

function firstTypeAt(parse: Buffer): number {
  const nameEnd = parse.indexOf(0, frameHeaderBytes);
  const queryEnd = parse.indexOf(0, nameEnd + 1);
  return queryEnd + 3;
}
