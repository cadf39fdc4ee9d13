import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { monotonicMs, within } from '../kernel/clock.ts';
import { isTealError, TealError } from '../kernel/errors.ts';
import { EventStreams } from '../server/event-streams.ts';
import { JournalFeed } from '../server/journal-feed.ts';
import type { MigrationsAnswer } from '../server/page-schemas.ts';
import { problemOf } from '../server/problems.ts';
import { RateHistory } from '../server/rate-history.ts';
import type { Migrations, ServedMigration } from '../server/served.ts';
import { NotesOfCalls } from './call-notes.ts';
import { loadSpec, type LoadedSpec } from './load-spec.ts';
import { sharedAnswer } from './shared-answer.ts';
import { watchedBy } from './watch-api.ts';

export interface ServedFiles {
  readonly files: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
  /** Ends what is asked of systems and processes. */
  readonly signal: AbortSignal;
}

type Told = MigrationsAnswer['migrations'][number];

/** A file, and what came of it. */
interface Place {
  readonly file: string;
  served?: ServedMigration;
  /** Why it is not served. */
  problem?: unknown;
  lookedMs: number;
}

/** Of each migration, for the list of all. */
const patienceMs = 3_000;
const listKeptMs = 1_000;
/** A file that could not be read is looked at again, when somebody asks, after this time. */
const lookAgainMs = 3_000;

/** The files that are meant: of a folder those in it that say what they are, by name. Errors: TEAL-SPEC-001 where there is none. */
export function filesIn(given: readonly string[]): readonly string[] {
  const files = given.flatMap((path) =>
    statSync(path, { throwIfNoEntry: false })?.isDirectory() ? inFolder(path) : [path],
  );
  if (files.length === 0) throw new TealError('TEAL-SPEC-001', `${given.join(', ')} has no migration file`);
  return [...new Set(files)];
}

function inFolder(folder: string): readonly string[] {
  const names = readdirSync(folder).filter((name) => /\.ya?ml$/.test(name));
  return names
    .sort()
    .map((name) => join(folder, name))
    .filter(isOfTeal);
}

/** One that cannot be read is told as that: it may be one. */
function isOfTeal(file: string): boolean {
  try {
    return /^teal:/m.test(readFileSync(file, 'utf8'));
  } catch {
    return true;
  }
}

/**
 * The migrations of one `teal serve`. A single one must be readable when it begins; of several one that is not is told as that, and looked at again when somebody asks.
 */
export class ServedMigrations implements Migrations, AsyncDisposable {
  readonly list: () => Promise<MigrationsAnswer>;
  readonly #options: ServedFiles;
  readonly #places: readonly Place[];
  readonly #stack = new AsyncDisposableStack();

  /** Errors: of a single file those of the file. */
  constructor(options: ServedFiles) {
    this.#options = options;
    this.#places = options.files.map((file) => ({ file, lookedMs: Number.NEGATIVE_INFINITY }));
    this.list = sharedAnswer(listKeptMs, async () => this.#tell());
    for (const place of this.#places) this.#look(place);
    if (!this.areSeveral) this.only();
  }

  get areSeveral(): boolean {
    return this.#places.length > 1;
  }

  get names(): readonly string[] {
    return this.#places.map(nameOf);
  }

  named(name: string): ServedMigration {
    const place = this.#places.find((each) => nameOf(each) === name);
    if (place === undefined) throw new TealError('TEAL-SERVER-009', 'no such migration');
    this.#look(place);
    return servedAt(place);
  }

  only(): ServedMigration {
    const [place] = this.#places;
    if (this.areSeveral || place === undefined) {
      throw new TealError('TEAL-SERVER-040', `${this.#places.length} migrations are served`);
    }
    return servedAt(place);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  async #tell(): Promise<MigrationsAnswer> {
    for (const place of this.#places) this.#look(place);
    return { migrations: await Promise.all(this.#places.map(tell)) };
  }

  #look(place: Place): void {
    if (place.served !== undefined || monotonicMs() < place.lookedMs + lookAgainMs) return;
    place.lookedMs = monotonicMs();
    try {
      place.served = this.#open(place.file);
      delete place.problem;
    } catch (error) {
      if (place.problem === undefined && this.areSeveral) {
        this.#options.log('not served', { file: basename(place.file), code: problemOf(error).code });
      }
      place.problem = error;
    }
  }

  /** Errors: those of the file, TEAL-SERVER-041. */
  #open(file: string): ServedMigration {
    const { env, signal, log } = this.#options;
    const reload = (): LoadedSpec => loadSpec(file, env);
    const loaded = reload();
    const { name } = loaded.spec;
    if (this.#places.some(({ served }) => served?.watched.name === name)) {
      throw new TealError('TEAL-SERVER-041', `${file} has the name of another one, ${name}`, { name });
    }
    const journal = this.#stack.use(new JournalFeed(loaded.journal));
    const watched = watchedBy({ loaded, reload, env, feed: journal, signal });
    const { rates } = watched;
    const events = new EventStreams({ records: (after, limit) => journal.records(after, limit), rates, signal });
    const which = this.areSeveral ? { migration: name } : {};
    const onError = (error: unknown): void => log('no rates', { ...which, code: problemOf(error).code });
    const history = new RateHistory({ rates, onError });
    const calls = new NotesOfCalls({
      loaded,
      state: () => journal.state(),
      log: (event, facts) => log(event, { ...which, ...facts }),
    });
    const kept = Promise.all([history.keep(signal), calls.keep(signal)]);
    this.#stack.defer(async () => void (await kept));
    return { watched, journal, events, rateHistory: () => history.answer(), calls };
  }
}

/** As the file has it; of one that cannot be read the file's own, which no migration has: it ends with `.yaml`. */
function nameOf({ file, served }: Place): string {
  return served?.watched.name ?? basename(file);
}

function servedAt({ served, problem }: Place): ServedMigration {
  if (served === undefined) throw problem;
  return served;
}

/** What can be told of it, and why not all can. */
async function tell(place: Place): Promise<Told> {
  const name = nameOf(place);
  const late = (): TealError => new TealError('TEAL-SERVER-042', `${name} does not say where it is`);
  try {
    const { watched } = servedAt(place);
    return await within(patienceMs, late, async () => {
      const migration = await watched.migration().catch(orNothingBegun);
      const gates = await watched.gates().catch(problemTold);
      return {
        name,
        begun: migration !== undefined,
        ...(migration === undefined ? {} : { migration }),
        ...('problem' in gates ? gates : { gates }),
      };
    });
  } catch (error) {
    return { name, begun: false, ...problemTold(error) };
  }
}

function problemTold(error: unknown): { readonly problem: NonNullable<Told['problem']> } {
  const { code, title, doThis } = problemOf(error);
  return { problem: { code, title, doThis } };
}

function orNothingBegun(error: unknown): undefined {
  if (isTealError(error, 'TEAL-JOURNAL-008')) return undefined;
  throw error;
}
