import { monotonicMs, sleep, waitFor } from '../../kernel/clock.ts';
import { isTealError, TealError } from '../../kernel/errors.ts';
import { bringConnectors, failedParts, refuseMissingPlugins, removeConnector } from './bring.ts';
import {
  mirrorMakerConfigs,
  mirrorMakerNames,
  mirrorMakerPlugins,
  type MirrorMakerPart,
  type MirrorMakerPlan,
} from './mirror-maker.ts';
import type { ConnectorStatus, ConnectRest } from './rest.ts';

/** What is made on the clusters for the connectors. Each call may be repeated. */
export interface MirrorMakerEnds {
  /** Names this attempt: eight hexadecimal digits, the same at every call until the attempt is over. */
  run(signal?: AbortSignal): Promise<string>;
  /** The same where `prepare` was called, and `clear` was not. */
  known(signal?: AbortSignal): Promise<string | undefined>;
  /** What must be there before the first connector is made. */
  prepare(run: string, signal?: AbortSignal): Promise<void>;
  /** Deletes the topics that were made for them, and by them; then nothing is known any more. */
  clear(run: string, signal?: AbortSignal): Promise<void>;
}

export interface MirrorMakerOptions {
  readonly rest: ConnectRest;
  readonly ends: MirrorMakerEnds;
  readonly plan: (run: string, exactlyOnce: boolean) => MirrorMakerPlan;
  readonly migration: string;
  readonly log: (text: string) => void;
  /** Between two looks; default 2 000. */
  readonly lookEveryMs?: number;
}

export interface MirrorMakerLook {
  readonly run: string;
  readonly states: Readonly<Record<MirrorMakerPart, ConnectorStatus | undefined>>;
}

const parts = Object.keys(mirrorMakerPlugins) as readonly MirrorMakerPart[];
const changedMs = 60_000;
/** So often tasks are started again in such a time; one that fails more often does not mend itself. */
const mostRestarts = 5;
const restartsWithinMs = 10 * 60_000;
const retireAgainMs = 15_000;

/**
 * The connectors of MirrorMaker 2 on a cluster of Kafka Connect: made, watched, halted and taken away over its REST API. Nothing of them runs on this machine, and what is known of them is
 * asked of the cluster each time.
 */
export class MirrorMaker {
  readonly #options: MirrorMakerOptions;
  readonly #restarts: number[] = [];
  #known: string | undefined;
  /** In this process: whoever looks before would miss what is about to be made. */
  #hasBegun = false;

  constructor(options: MirrorMakerOptions) {
    this.#options = options;
  }

  /** Whether the workers would take the connectors, and whether exactly once. Errors: TEAL-CARRIERS-010, -011 a setting is refused, -013 a plugin is missing. */
  async check(): Promise<{ readonly exactlyOnce: boolean }> {
    const { rest } = this.#options;
    await refuseMissingPlugins(
      rest,
      parts.map((part) => ({ plugin: mirrorMakerPlugins[part] })),
    );
    const exactlyOnce = (await this.#mistakes('00000000', true)).length === 0;
    if (exactlyOnce) return { exactlyOnce };
    const settings = await this.#mistakes('00000000', false);
    if (settings.length === 0) return { exactlyOnce };
    throw new TealError('TEAL-CARRIERS-011', `it takes ${settings.join(', ')} for wrong`, {
      plugin: mirrorMakerPlugins.source,
      settings,
    });
  }

  /** Looks whether they can be made, and makes what must be there before. Errors: as `check`. */
  async prepare(signal?: AbortSignal): Promise<void> {
    const { ends } = this.#options;
    if (await this.isPrepared(signal)) return;
    await this.check();
    await ends.prepare(await ends.run(signal), signal);
  }

  async isPrepared(signal?: AbortSignal): Promise<boolean> {
    return (await this.#options.ends.known(signal)) !== undefined;
  }

  /** Makes them where they are not there, and has them go on where they were halted. Errors: as `check`. */
  async begin(signal?: AbortSignal): Promise<void> {
    const { rest, ends, plan } = this.#options;
    const run = (await this.#run(signal)) ?? (await ends.run(signal));
    const names = mirrorMakerNames({ migration: this.#options.migration, run });
    const isThere = (await rest.status(names.source, signal)) !== undefined;
    const exactlyOnce = isThere ? true : (await this.check()).exactlyOnce;
    await ends.prepare(run, signal);
    this.#known = run;
    const configs = mirrorMakerConfigs(plan(run, exactlyOnce));
    await bringConnectors(
      rest,
      // The source last: what the others tell of is then there.
      (['heartbeat', 'checkpoint', 'source'] as const).map((part) => ({
        name: names[part],
        plugin: mirrorMakerPlugins[part],
        config: configs[part],
      })),
    );
    this.#hasBegun = true;
  }

  /**
   * Resolves when no task copies any more. Where records are written exactly once a task that was cut off from its cluster can write no more either: offsets are set as they are, for which the
   * workers fence every producer of the connector. Of connectors that are not there nothing is left to halt.
   */
  async halt(signal?: AbortSignal): Promise<void> {
    const { rest, migration } = this.#options;
    const run = await this.#run(signal);
    if (run === undefined) return;
    const { source } = mirrorMakerNames({ migration, run });
    if (!(await this.#isThere(source, signal))) return;
    await rest.stop(source, signal);
    await waitFor({ what: `connector ${source} to stop`, timeoutMs: changedMs, everyMs: 100, signal }, async () => {
      const status = await rest.status(source, signal);
      return status?.connector.state === 'STOPPED' && status.tasks.length === 0 ? true : undefined;
    });
    const offsets = (await rest.offsets(source, signal)).filter(({ offset }) => offset !== null);
    if (offsets.length > 0) await rest.patchOffsets(source, offsets, signal);
  }

  /** Undefined where none of them is there. */
  async look(signal?: AbortSignal): Promise<MirrorMakerLook | undefined> {
    const { rest, migration } = this.#options;
    const run = await this.#run(signal);
    if (run === undefined) return undefined;
    const names = mirrorMakerNames({ migration, run });
    const [source, checkpoint, heartbeat] = await Promise.all([
      rest.status(names.source, signal),
      rest.status(names.checkpoint, signal),
      rest.status(names.heartbeat, signal),
    ]);
    return { run, states: { source, checkpoint, heartbeat } };
  }

  /**
   * Looks at them, from `begin` on, until the signal is aborted. A task that has failed is started again, five times in ten minutes. Errors: TEAL-CARRIERS-050 it goes on failing, -051 the connector of the records is gone. A
   * cluster that does not answer is asked again: what it carries, it carries meanwhile.
   */
  async watch(signal: AbortSignal): Promise<void> {
    const { lookEveryMs = 2_000, log } = this.#options;
    while (!signal.aborted) {
      try {
        if (this.#hasBegun) await this.#tend(signal);
        await sleep(lookEveryMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!isTealError(error, 'TEAL-CARRIERS-010')) throw error;
        log(error.message);
      }
    }
  }

  /** Takes connectors and their topics away. Idempotent; where nothing is left no worker is asked. */
  async retire(signal?: AbortSignal): Promise<void> {
    const { rest, ends, migration } = this.#options;
    const run = await ends.known(signal);
    if (run === undefined) return;
    const names = mirrorMakerNames({ migration, run });
    for (const part of parts) await removeConnector(rest, names[part], signal);
    // Last: whoever comes after a crash finds what is left.
    await ends.clear(run, signal);
    this.#known = undefined;
  }

  /** The same, again and again until it is done or the signal is aborted. */
  async retireInTime(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.retire(signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#options.log(`the connectors are still there: ${error instanceof Error ? error.message : String(error)}`);
        await sleep(retireAgainMs, signal).catch(() => undefined);
      }
    }
  }

  async #tend(signal: AbortSignal): Promise<void> {
    const { rest, migration, log } = this.#options;
    const look = await this.look(signal);
    if (look === undefined) return;
    const names = mirrorMakerNames({ migration, run: look.run });
    if (look.states.source === undefined && !(await this.#isThere(names.source, signal)))
      throw new TealError('TEAL-CARRIERS-051', 'somebody has deleted the connector that copies the records');
    for (const part of parts) {
      const status = look.states[part];
      const failed = status === undefined ? [] : failedParts(status);
      if (failed.length === 0) continue;
      this.#mayRestart(names[part], failed);
      log(`starts ${names[part]} again: ${failed.join('; ')}`);
      await rest.restart(names[part], { onlyFailed: true }, signal);
    }
  }

  #mayRestart(connector: string, failed: readonly string[]): void {
    const now = monotonicMs();
    while ((this.#restarts[0] ?? now) < now - restartsWithinMs) this.#restarts.shift();
    if (this.#restarts.length >= mostRestarts) {
      throw new TealError('TEAL-CARRIERS-050', `${connector}: ${failed.join('; ')}`, {
        connector,
        restarts: mostRestarts,
      });
    }
    this.#restarts.push(now);
  }

  /** Names of settings of the source's connector. */
  async #mistakes(run: string, exactlyOnce: boolean): Promise<readonly string[]> {
    const { rest, plan, migration } = this.#options;
    const config = mirrorMakerConfigs(plan(run, exactlyOnce)).source;
    const name = mirrorMakerNames({ migration, run }).source;
    return (await rest.validate(mirrorMakerPlugins.source, { name, ...config })).map(({ setting }) => setting);
  }

  /** By what the cluster has taken down: a worker that has just begun knows of no status yet, and answers as if there were no such connector. */
  async #isThere(connector: string, signal?: AbortSignal): Promise<boolean> {
    return (await this.#options.rest.names(signal)).includes(connector);
  }

  async #run(signal?: AbortSignal): Promise<string | undefined> {
    this.#known ??= await this.#options.ends.known(signal);
    return this.#known;
  }
}
