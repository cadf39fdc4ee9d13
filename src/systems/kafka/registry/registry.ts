import { z } from 'zod';
import { isTealError, TealError } from '../../../kernel/errors.ts';
import type { Side } from '../../../model/catalog.ts';
import {
  compareRegistries,
  type RegisteredSchema,
  type RegistryContent,
  type RegistryDifferences,
} from '../../../model/schema-registry.ts';
import { RegistryRest } from './rest.ts';

/** Requests side by side. */
const lanes = 8;

const versionShape = z.object({
  subject: z.string(),
  version: z.int(),
  id: z.int(),
  schemaType: z.string().default('AVRO'),
  schema: z.string(),
  references: z
    .array(z.object({ name: z.string(), subject: z.string(), version: z.int() }))
    .nullish()
    .transform((references) => references ?? []),
});
const configShape = z.object({ compatibilityLevel: z.string() });
const modeShape = z.object({ mode: z.string() });
const versionsShape = z.array(z.int());

/** All subjects and versions, those too that are softly deleted: records may name them. Changes nothing. TEAL-SYSTEMS-680, -681. */
export async function readRegistry(url: string, signal?: AbortSignal): Promise<RegistryContent> {
  const rest = new RegistryRest({ url });
  const subjects = (await rest.ask(z.array(z.string()), get('/subjects?deleted=true'), signal)).toSorted();
  const { compatibilityLevel: compatibility } = await rest.ask(configShape, get('/config'), signal);
  const read = await inLanes(subjects, async (subject) => ({
    schemas: await readSubject(rest, subject, signal),
    own: await rest.askIfThere(configShape, get(`/config/${encodeURIComponent(subject)}`), signal),
  }));
  return {
    address: rest.address,
    compatibility,
    schemas: read.flatMap(({ schemas }) => schemas),
    ownCompatibility: new Map(
      read.flatMap(({ own }, at) => (own === undefined ? [] : [[subjects[at] ?? '', own.compatibilityLevel] as const])),
    ),
  };
}

async function readSubject(
  rest: RegistryRest,
  subject: string,
  signal: AbortSignal | undefined,
): Promise<readonly RegisteredSchema[]> {
  const path = pathOf(subject);
  // One that is deleted in between is not there.
  const all = (await rest.askIfThere(versionsShape, get(`${path}?deleted=true`), signal)) ?? [];
  const listed = new Set(await rest.askIfThere(versionsShape, get(path), signal));
  const found: RegisteredSchema[] = [];
  for (const version of all.toSorted((a, b) => a - b)) {
    const read = await rest.askIfThere(versionShape, get(`${path}/${version}?deleted=true`), signal);
    if (read === undefined) continue;
    const { schemaType: type, ...rest_ } = read;
    found.push({ ...rest_, subject, type, isDeleted: !listed.has(version) });
  }
  return found;
}

function get(path: string): { readonly method: 'GET'; readonly path: string } {
  return { method: 'GET', path };
}

function pathOf(subject: string): string {
  return `/subjects/${encodeURIComponent(subject)}/versions`;
}

/** In the order of the inputs. */
async function inLanes<T, R>(inputs: readonly T[], work: (input: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < inputs.length; at = next++) results[at] = await work(inputs[at] as T);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, inputs.length) }, lane));
  return results;
}

export interface SchemaRegistries {
  /** What the registry of the other side lacks of that of `from`, and what stands in the way. */
  differences(from: Side, signal?: AbortSignal): Promise<RegistryDifferences>;
  /** Subjects of blue that a copy has left in IMPORT mode on green. */
  leftOpen(signal?: AbortSignal): Promise<readonly string[]>;
  /**
   * Gives green what it lacks of blue's: versions with their numbers and ids, compatibility of subjects. Each subject is in IMPORT mode meanwhile, and as it was afterwards. May be called again after a
   * crash. Errors: TEAL-SYSTEMS-682 green has other schemas in the way, -683 green takes no IMPORT mode; nothing is written then.
   */
  copy(signal?: AbortSignal): Promise<{ readonly copied: number }>;
}

export function schemaRegistries(urls: Readonly<Record<Side, string>>): SchemaRegistries {
  const green = new RegistryRest({ url: urls.green });
  const both = async (signal?: AbortSignal): Promise<readonly [RegistryContent, RegistryContent]> =>
    Promise.all([readRegistry(urls.blue, signal), readRegistry(urls.green, signal)]);
  const leftOpen = async (signal?: AbortSignal): Promise<readonly string[]> => {
    const subjects = subjectsOf((await readRegistry(urls.blue, signal)).schemas);
    const modes = await inLanes(subjects, async (subject) => modeOf(green, subject, signal));
    return subjects.filter((_, at) => modes[at] === 'IMPORT');
  };
  return {
    leftOpen,
    async differences(from, signal) {
      const [ofBlue, ofGreen] = await both(signal);
      return from === 'blue' ? compareRegistries(ofBlue, ofGreen) : compareRegistries(ofGreen, ofBlue);
    },
    async copy(signal) {
      const [ofBlue, ofGreen] = await both(signal);
      const { missing, conflicts } = compareRegistries(ofBlue, ofGreen);
      if (conflicts.length > 0) {
        throw new TealError('TEAL-SYSTEMS-682', conflicts.slice(0, 5).join('; '), {
          conflicts: conflicts.slice(0, 100),
        });
      }
      const filled = new Set(subjectsOf(ofGreen.schemas));
      const open = new Set(await leftOpen(signal));
      try {
        for (const subject of subjectsOf(missing)) {
          await openForImport(green, subject, filled.has(subject), signal);
          open.add(subject);
        }
        await importSchemas(green, missing, signal);
      } finally {
        // Not under the signal: a subject that stays open would take whatever id a client gives it.
        for (const subject of open) await close(green, subject);
      }
      await copyCompatibility(green, ofBlue, ofGreen, subjectsOf(missing), signal);
      return { copied: missing.length };
    },
  };
}

function subjectsOf(schemas: readonly RegisteredSchema[]): readonly string[] {
  return [...new Set(schemas.map(({ subject }) => subject))];
}

/** Its own; undefined where it has none. */
async function modeOf(rest: RegistryRest, subject: string, signal?: AbortSignal): Promise<string | undefined> {
  return (await rest.askIfThere(modeShape, get(modePath(subject)), signal))?.mode;
}

function modePath(subject: string): string {
  return `/mode/${encodeURIComponent(subject)}`;
}

/** `force`: only that there are versions already is overlooked; what is there stays. */
async function openForImport(
  rest: RegistryRest,
  subject: string,
  isFilled: boolean,
  signal: AbortSignal | undefined,
): Promise<void> {
  const path = `${modePath(subject)}${isFilled ? '?force=true' : ''}`;
  try {
    const { mode } = await rest.ask(modeShape, { method: 'PUT', path, body: { mode: 'IMPORT' } }, signal);
    if (mode !== 'IMPORT') throw new TealError('TEAL-SYSTEMS-683', `${rest.address} answers mode ${mode}`, { subject });
  } catch (error) {
    if (!isTealError(error, 'TEAL-SYSTEMS-681')) throw error;
    throw new TealError('TEAL-SYSTEMS-683', error.message.replace(`${error.code}: `, ''), { subject });
  }
}

/** It is as all others are again. A registry that cannot take a mode away is given the usual one. */
async function close(rest: RegistryRest, subject: string): Promise<void> {
  try {
    await rest.askIfThere(z.unknown(), { method: 'DELETE', path: modePath(subject) }, undefined);
  } catch (error) {
    if (!isTealError(error, 'TEAL-SYSTEMS-681')) throw error;
  }
  if ((await modeOf(rest, subject)) !== 'IMPORT') return;
  await rest.ask(modeShape, { method: 'PUT', path: modePath(subject), body: { mode: 'READWRITE' } }, undefined);
}

/** What another refers to was registered before it, and so has a lower id. Softly deleted ones are deleted when all are there, which others may refer to. */
async function importSchemas(
  rest: RegistryRest,
  missing: readonly RegisteredSchema[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const each of missing.toSorted((a, b) => a.id - b.id || a.version - b.version)) {
    const { subject, version, id, type, schema, references } = each;
    const body = { schema, id, version, ...(type === 'AVRO' ? {} : { schemaType: type }), references };
    const made = await rest.ask(z.object({ id: z.int() }), { method: 'POST', path: pathOf(subject), body }, signal);
    if (made.id !== id) {
      throw new TealError(
        'TEAL-SYSTEMS-683',
        `${rest.address} gave ${subject} version ${version} id ${made.id}, not ${id}`,
        {
          subject,
          version,
        },
      );
    }
  }
  const deleted = missing.filter(({ isDeleted }) => isDeleted).toSorted((a, b) => b.id - a.id);
  for (const { subject, version } of deleted) {
    await rest.askIfThere(z.unknown(), { method: 'DELETE', path: `${pathOf(subject)}/${version}` }, signal);
  }
}

async function copyCompatibility(
  rest: RegistryRest,
  ofBlue: RegistryContent,
  ofGreen: RegistryContent,
  subjects: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const subject of subjects) {
    const compatibility = ofBlue.ownCompatibility.get(subject);
    if (compatibility === undefined || ofGreen.ownCompatibility.has(subject)) continue;
    const path = `/config/${encodeURIComponent(subject)}`;
    await rest.ask(z.unknown(), { method: 'PUT', path, body: { compatibility } }, signal);
  }
}
