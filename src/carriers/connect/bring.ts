import { waitFor } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import { causesOf, type ConnectorConfig, type ConnectorStatus, type ConnectRest } from './rest.ts';

export interface WantedConnector {
  readonly name: string;
  /** The class of its plugin. */
  readonly plugin: string;
  readonly config: ConnectorConfig;
}

const changedMs = 60_000;

/**
 * Has all of them run: made where they are not there, let go on where they were paused, and started again where they failed. The plugins look at what is to be made before any of it is. Errors: TEAL-CARRIERS-013
 * a plugin is missing, -011 a configuration is refused.
 */
export async function bringConnectors(rest: ConnectRest, wanted: readonly WantedConnector[]): Promise<void> {
  const states = await Promise.all(wanted.map(async ({ name }) => rest.status(name)));
  const absent = wanted.filter((_, index) => states[index] === undefined);
  if (absent.length > 0) await refuseMissingPlugins(rest, absent);
  for (const { name, plugin, config } of absent) await refuseMistakes(rest, plugin, { name, ...config });
  for (const [index, connector] of wanted.entries()) await bring(rest, connector, states[index]);
}

async function bring(
  rest: ConnectRest,
  { name, config }: WantedConnector,
  status: ConnectorStatus | undefined,
): Promise<void> {
  if (status === undefined) {
    await rest.put(name, config);
    // For a moment it is there and has no status.
    await waitFor({ what: `connector ${name} to be given out`, timeoutMs: changedMs, everyMs: 100 }, async () =>
      rest.status(name),
    );
    return;
  }
  const { state } = status.connector;
  if (state === 'PAUSED' || state === 'STOPPED') await rest.resume(name);
  else if (failedParts(status).length > 0) await rest.restart(name, { onlyFailed: true });
}

/** Resolves when it is gone. Idempotent. */
export async function removeConnector(rest: ConnectRest, name: string, signal?: AbortSignal): Promise<void> {
  await rest.delete(name, signal);
  await waitFor({ what: `connector ${name} to go`, timeoutMs: changedMs, everyMs: 200, signal }, async () =>
    (await rest.status(name, signal)) === undefined ? true : undefined,
  );
}

/** Errors: TEAL-CARRIERS-013. */
export async function refuseMissingPlugins(
  rest: ConnectRest,
  wanted: readonly Pick<WantedConnector, 'plugin'>[],
): Promise<void> {
  const there = new Set((await rest.plugins()).map((each) => each.class));
  const missing = wanted.map(({ plugin }) => plugin).filter((plugin) => !there.has(plugin));
  if (missing.length === 0) return;
  throw new TealError('TEAL-CARRIERS-013', `not installed on the workers: ${missing.join(', ')}`, { missing });
}

async function refuseMistakes(rest: ConnectRest, plugin: string, config: ConnectorConfig): Promise<void> {
  const mistakes = await rest.validate(plugin, config);
  if (mistakes.length === 0) return;
  // Their words may repeat what is wrong: a password, say.
  const settings = mistakes.map(({ setting }) => setting);
  throw new TealError('TEAL-CARRIERS-011', `it takes ${settings.join(', ')} for wrong`, { plugin, settings });
}

/** Of what has failed, the classes of the errors. */
export function failedParts({ connector, tasks }: ConnectorStatus): readonly string[] {
  return [connector, ...tasks].flatMap(({ state, trace = '' }) =>
    state === 'FAILED' ? [causesOf(trace).join(' because of ') || 'without a word'] : [],
  );
}

export function runs({ connector, tasks }: ConnectorStatus): boolean {
  return connector.state === 'RUNNING' && tasks.length > 0 && tasks.every((task) => task.state === 'RUNNING');
}
