import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { TealError } from '../kernel/errors.ts';
import { journalPath } from '../journal/journal.ts';
import type { JournalPlace, JournalSession, PostgresPlace } from '../journal/place.ts';
import { JournalDesk } from './journal-desk.ts';
import { replaceNow } from './replace-now.ts';

/** Names the database of PostgreSQL that holds journals; without it they are in the state folder. It has a password: it is on no printed line. */
export const journalVariable = 'TEAL_JOURNAL';

const defaultSchema = 'teal_journal';
/** `journal` is for people. */
const elsewhere = z.strictObject({
  version: z.literal(1),
  folder: z.string().min(1),
  journal: z.string(),
  id: z.string().min(1).exactOptional(),
});
type Elsewhere = Readonly<z.infer<typeof elsewhere>>;
const schemaShape = /^[a-z_][a-z0-9_]{0,62}$/;

/** In the state folder of a migration whose journal is elsewhere, from before the first record on. */
function elsewhereFile(stateDir: string): string {
  return join(stateDir, 'journal.elsewhere');
}

/** The folder's own name, which stays when it is moved to another path or machine. */
export function folderName(stateDir: string, journal: string): string {
  return (readElsewhere(stateDir) ?? writeElsewhere(stateDir, { version: 1, folder: randomUUID(), journal })).folder;
}

/** See `PostgresPlace.bind`. An address may be written in several ways, and may lead to another server after a failover: the tables say which they are. */
function bind(stateDir: string, journal: string, id: string): void {
  const before = readElsewhere(stateDir) ?? { version: 1 as const, folder: randomUUID(), journal };
  if (before.id === id) return;
  if (before.id !== undefined) {
    const why = `${stateDir} has its journal in ${before.journal}, and ${journal} is another one`;
    throw new TealError('TEAL-APP-040', why, { stateDir });
  }
  writeElsewhere(stateDir, { ...before, journal, id });
}

function readElsewhere(stateDir: string): Elsewhere | undefined {
  const file = elsewhereFile(stateDir);
  return existsSync(file) ? elsewhere.parse(JSON.parse(readFileSync(file, 'utf8'))) : undefined;
}

function writeElsewhere(stateDir: string, value: Elsewhere): Elsewhere {
  const file = elsewhereFile(stateDir);
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  replaceNow(file, `${JSON.stringify(value)}\n`);
  return value;
}

/**
 * Where the journal of a migration is. Errors: TEAL-JOURNAL-022 the variable is no address; TEAL-APP-040 the folder says that it is somewhere else, which would make a second one that knows nothing of the first.
 */
export function journalPlace(
  migration: string,
  stateDir: string,
  env: Readonly<Record<string, string | undefined>>,
): JournalPlace {
  const { [journalVariable]: url = '' } = env;
  if (url === '') {
    if (!existsSync(elsewhereFile(stateDir))) return stateDir;
    throw new TealError('TEAL-APP-040', `the journal of ${stateDir} is in PostgreSQL, and none is named`, { stateDir });
  }
  if (existsSync(journalPath(stateDir))) {
    throw new TealError('TEAL-APP-040', `${stateDir} has a journal of its own`, { stateDir });
  }
  return postgresPlace(url, migration, stateDir);
}

/** Errors: TEAL-JOURNAL-022. */
export function postgresPlace(text: string, migration: string, stateDir: string): PostgresPlace {
  const { href, schema, name } = addressOf(text);
  return {
    migration,
    schema,
    name,
    folder: () => folderName(stateDir, name),
    bind: (id) => bind(stateDir, name, id),
    connect: () => desk().open(href, `teal journal ${migration}`),
    look: () => kept(href),
  };
}

export interface JournalAddress {
  /** With its password. */
  readonly href: string;
  readonly schema: string;
  /** For people. */
  readonly name: string;
}

/** Undefined where the journal is in files. Errors: TEAL-JOURNAL-022. */
export function journalAddress(env: Readonly<Record<string, string | undefined>>): JournalAddress | undefined {
  const { [journalVariable]: url = '' } = env;
  return url === '' ? undefined : addressOf(url);
}

function addressOf(text: string): JournalAddress {
  const url = URL.parse(text);
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) {
    throw new TealError('TEAL-JOURNAL-022', 'the address is not a postgres:// URL');
  }
  const schema = url.searchParams.get('schema') ?? defaultSchema;
  url.searchParams.delete('schema');
  if (!schemaShape.test(schema)) {
    throw new TealError('TEAL-JOURNAL-022', 'a schema is named by small letters, digits and underscores', { schema });
  }
  return { href: url.href, schema, name: `${url.host}${url.pathname}, schema ${schema}` };
}

let made: JournalDesk | undefined;

/** One thread for all journals of a process, from the first that is in PostgreSQL on. */
function desk(): JournalDesk {
  made ??= new JournalDesk();
  return made;
}

const looks = new Map<string, JournalSession>();

function kept(href: string): JournalSession {
  const before = looks.get(href);
  if (before?.lost.aborted === false) return before;
  before?.[Symbol.dispose]();
  looks.delete(href);
  const session = desk().open(href, 'teal journal look');
  looks.set(href, session);
  return session;
}
