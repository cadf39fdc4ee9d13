import type { Journal } from '../journal/journal.ts';
import type { MigrationEvent } from './events.ts';
import type { LoadedSpec } from './load-spec.ts';
import { Notifier } from './notify/notifier.ts';
import { traceTarget } from './traces/trace-target.ts';
import { Tracer } from './traces/tracer.ts';
import { toldJournal, type HearsRecord } from './told-journal.ts';

/** Those outside who are told what the journal says while a command writes it. */
export interface Onlookers extends AsyncDisposable {
  /** As it was given, and told to them. */
  readonly journal: Journal;
}

/** None where the file names none. Their end is waited for a few seconds at most; nothing of theirs fails a run. */
export function onlookersOf(
  journal: Journal,
  { spec }: LoadedSpec,
  env: Readonly<Record<string, string | undefined>>,
  onEvent: (event: MigrationEvent) => void,
): Onlookers {
  const migration = spec.name;
  const hears: HearsRecord[] = [];
  const told: AsyncDisposable[] = [];
  if (spec.notify !== undefined) {
    const notifier = new Notifier({
      migration,
      notify: spec.notify,
      onLost: (to, why) => onEvent({ kind: 'notice lost', to, why, code: 'TEAL-APP-030' }),
    });
    told.push(notifier);
    hears.push((record, state) => notifier.hear(record, state));
  }
  const traces = traceTarget(env);
  const onLost = (to: string, why: string): void => onEvent({ kind: 'notice lost', to, why, code: 'TEAL-APP-031' });
  if (traces.found === 'unusable') onLost('traces', traces.why);
  if (traces.found === 'target') {
    const tracer = new Tracer({ migration, target: traces.target, onLost });
    told.push(tracer);
    hears.push((record) => tracer.hear(record));
  }
  return { journal: toldJournal(journal, hears), [Symbol.asyncDispose]: async () => end(told) };
}

/** Side by side: one that is slow does not have the others waited for longer. */
async function end(told: readonly AsyncDisposable[]): Promise<void> {
  await Promise.all(told.map(async (each) => each[Symbol.asyncDispose]()));
}
