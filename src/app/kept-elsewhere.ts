import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { JournalEvent } from '../journal/events.ts';
import type { Journal } from '../journal/journal.ts';
import type { PostgresPlace } from '../journal/place.ts';
import { readKept, writeKept } from '../journal/postgres/kept.ts';
import { certificatesFolder } from './keep-certificate.ts';
import { replaceNow } from './replace-now.ts';

/** What a migration began with, and what only a comparison can make: all else of a state folder is made anew from the journal and both sides. */
const names = [
  'catalog.json',
  'mapping.json',
  'topics.json',
  'first-position-forward.json',
  'first-position-reverse.json',
  'schema.dump',
  'schema.json',
] as const;

/**
 * Files of the state folder that a controller with another one must have, in the database of the journal. They are there before the record that relies on them: what a step has left on disk is kept when the journal says that it
 * is done.
 */
export class KeptElsewhere {
  readonly #place: PostgresPlace;
  readonly #stateDir: string;
  /** As it was seen last: time and size. */
  readonly #seen = new Map<string, string>();

  constructor(place: PostgresPlace, stateDir: string) {
    this.#place = place;
    this.#stateDir = stateDir;
  }

  /** Makes this folder's files those that are kept. To be called by whoever leads, before anything is read of them. */
  bring(): void {
    for (const [name, body] of readKept(this.#place)) {
      const file = join(this.#stateDir, name);
      if (textOf(file) !== body) replace(file, body);
      this.#seen.set(name, signature(file));
    }
  }

  /** Keeps what was written or removed since. */
  share(): void {
    for (const name of new Set([...names, ...certificates(this.#stateDir), ...this.#seen.keys()])) {
      const now = signature(join(this.#stateDir, name));
      if (now === (this.#seen.get(name) ?? '')) continue;
      writeKept(this.#place, name, textOf(join(this.#stateDir, name)));
      this.#seen.set(name, now);
    }
  }

  /** The journal, before whose records it is shared. */
  journal(journal: Journal): Journal {
    const shared = <T>(events: readonly JournalEvent[], write: () => T): T => {
      if (events.some(({ type }) => relying.has(type))) this.share();
      return write();
    };
    return {
      get state() {
        return journal.state;
      },
      lost: journal.lost,
      append: (...events) => shared(events, () => journal.append(...events)),
      appendUnsynced: (event) => shared([event], () => journal.appendUnsynced(event)),
      records: (afterSeq) => journal.records(afterSeq),
      [Symbol.dispose]: () => journal[Symbol.dispose](),
    };
  }
}

const relying: ReadonlySet<JournalEvent['type']> = new Set([
  'runStarted',
  'stepDone',
  'stepUndone',
  'certificateIssued',
]);

function certificates(stateDir: string): readonly string[] {
  const folder = certificatesFolder(stateDir);
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(folder).map((name) => join('certificates', name));
}

/** Empty where there is no such file. */
function signature(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  return found === undefined ? '' : `${found.mtimeMs} ${found.size} ${found.ino}`;
}

function textOf(file: string): string | undefined {
  return statSync(file, { throwIfNoEntry: false }) === undefined ? undefined : readFileSync(file, encodingOf(file));
}

/** An archive of pg_dump's is no text. */
function encodingOf(file: string): 'base64' | 'utf8' {
  return file.endsWith('.dump') ? 'base64' : 'utf8';
}

function replace(file: string, body: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  replaceNow(file, body, encodingOf(file));
}
