import type { Side } from '../model/catalog.ts';
import type { SchemaObject } from '../ports/digester.ts';
import type { CertificateObjects } from './certificate.ts';

export interface ObjectsOfSide {
  readonly side: Side;
  readonly major: number;
  readonly objects: readonly SchemaObject[];
}

/** Compares what the two schemas hold beside rows, by kind and name. Sequences: the other side may be ahead, never behind. */
export function compareObjects(live: ObjectsOfSide, other: ObjectsOfSide): CertificateObjects {
  const [ofLive, ofOther] = [byIdentity(live.objects), byIdentity(other.objects)];
  const sameMajor = live.major === other.major;
  const compared: Record<string, number> = {};
  const differences: CertificateObjects['differences'] = [];
  for (const identity of [...new Set([...ofLive.keys(), ...ofOther.keys()])].sort()) {
    const [a, b] = [ofLive.get(identity), ofOther.get(identity)];
    const one = a ?? b;
    if (one === undefined) continue;
    compared[one.kind] = (compared[one.kind] ?? 0) + 1;
    const what = difference(a, b, { live: live.side, other: other.side, sameMajor });
    if (what !== undefined) differences.push({ kind: one.kind, name: one.name, what });
  }
  return { compared, differences };
}

type What = CertificateObjects['differences'][number]['what'];

function difference(
  live: SchemaObject | undefined,
  other: SchemaObject | undefined,
  context: { readonly live: Side; readonly other: Side; readonly sameMajor: boolean },
): What | undefined {
  if (live === undefined) return `only on ${context.other}`;
  if (other === undefined) return `only on ${context.live}`;
  if (live.kind === 'sequence') return isBehind(live, other) ? 'behind on the other side' : undefined;
  if (live.definitionVaries && !context.sameMajor) return undefined;
  return live.definition === other.definition ? undefined : 'defined differently';
}

/** A sequence's definition is its direction and the next value that it would give. */
function isBehind(live: SchemaObject, other: SchemaObject): boolean {
  const [liveStep, liveNext] = stepAndNext(live.definition);
  const [, otherNext] = stepAndNext(other.definition);
  return liveStep >= 0n ? otherNext < liveNext : otherNext > liveNext;
}

function stepAndNext(definition: string): readonly [bigint, bigint] {
  const [step = '0', next = '0'] = definition.split(' ');
  return [BigInt(step), BigInt(next)];
}

function byIdentity(objects: readonly SchemaObject[]): ReadonlyMap<string, SchemaObject> {
  return new Map(objects.map((one) => [`${one.kind} ${one.name}`, one]));
}
