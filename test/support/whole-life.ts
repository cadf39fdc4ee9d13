import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { openMigration } from '../../src/app/open-migration.ts';
import type { Migration } from '../../src/app/migration.ts';
import type { MigrationEvent } from '../../src/app/events.ts';
import { monotonicMs } from '../../src/kernel/clock.ts';
import type { Side } from '../../src/model/catalog.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import type { PgTools } from '../../tools/servers/pg-tools.ts';

export interface LifeOptions {
  readonly name: string;
  readonly blueUrl: string;
  readonly greenUrl: string;
  /** Of PostgreSQL; where a side is one. */
  readonly tools?: PgTools;
  /** Default: PostgreSQL on both sides. */
  readonly systems?: Readonly<Record<Side, string>>;
  readonly onEvent?: (event: MigrationEvent) => void;
  /** The gates of the cut; by default a full comparison and a person. */
  readonly gates?: string;
  /** More lines of the migration file. */
  readonly spec?: string;
  /** Default `3s`, as the file's own. */
  readonly maxPause?: string;
  /** It is given up after so long; default 500 s. */
  readonly lifeMs?: number;
  /** Default `trust`. */
  readonly clientAuth?: 'trust' | 'scram' | 'password';
  /** Files by which the proxy shows clients who it is; by default they are told that there is no TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Of the proxy. Default 1. */
  readonly processes?: number;
  /** Work of clients, through the proxy: called while blue, green, blue and green again are live. */
  readonly clients?: (url: string, turn: number) => Promise<void>;
}

/** What a whole life has cost: milliseconds of each step (the last run of it), and of the clients' wait in each cut. */
export interface LifeReport {
  readonly stepMs: Readonly<Record<string, number>>;
  readonly stageMs: Readonly<Record<string, number>>;
  readonly pausesMs: readonly number[];
  readonly evidence: Readonly<Record<string, string>>;
}

/** A migration in a folder of its own, with its processes: they end with it. */
export class Life implements AsyncDisposable {
  readonly migration: Migration;
  readonly proxyUrl: string;
  /** Everything of it is there, the state folder too. */
  readonly folder: string;
  readonly #clock: LifeClock;

  private constructor(folder: string, migration: Migration, proxyUrl: string, clock: LifeClock) {
    this.folder = folder;
    this.migration = migration;
    this.proxyUrl = proxyUrl;
    this.#clock = clock;
  }

  static async begin(options: LifeOptions): Promise<Life> {
    const folder = await mkdtemp(join(tmpdir(), `teal-${options.name}-`));
    const port = await freePort();
    const file = join(folder, 'teal.yaml');
    const { blue, green } = options.systems ?? { blue: 'postgres', green: 'postgres' };
    const tls = options.tls === undefined ? '' : `, tls: ${JSON.stringify(options.tls)}`;
    await writeFile(
      file,
      `teal: 1\nname: ${options.name}\nblue: { system: ${blue}, url: "\${BLUE_URL}" }\ngreen: { system: ${green}, url: "\${GREEN_URL}" }\n` +
        `traffic: { router: proxy, listen: "127.0.0.1:${port}", clientAuth: ${options.clientAuth ?? 'trust'}${tls}, processes: ${options.processes ?? 1} }\n` +
        `cutover: { maxPause: ${options.maxPause ?? '3s'}, gates: ${options.gates ?? '[{ verify: full }, { person: tester }]'} }\n${options.spec ?? ''}`,
    );
    const clock = new LifeClock();
    try {
      const migration = await openMigration({
        file,
        env: { ...process.env, BLUE_URL: options.blueUrl, GREEN_URL: options.greenUrl },
        command: 'up',
        signal: AbortSignal.timeout(options.lifeMs ?? 500_000),
        onEvent: (event) => {
          clock.hear(event);
          options.onEvent?.(event);
        },
        ...(options.tools === undefined ? {} : { tools: options.tools }),
      });
      const proxied = new URL(options.blueUrl);
      proxied.host = `127.0.0.1:${port}`;
      proxied.search = '';
      return new Life(folder, migration, proxied.href, clock);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Up, over, back, over again, compared, ended. */
  async live(clients: LifeOptions['clients'] = async () => undefined): Promise<LifeReport> {
    const { migration } = this;
    await clients(this.proxyUrl, 0);
    expect(await this.timed('up', async () => migration.up())).toMatchObject({ outcome: 'waiting', live: 'blue' });
    expect(await this.timed('cutover', async () => migration.cutover())).toMatchObject({ live: 'green' });
    await clients(this.proxyUrl, 1);
    expect(await this.timed('rollback', async () => migration.rollback('a test'))).toMatchObject({ live: 'blue' });
    await clients(this.proxyUrl, 2);
    expect(await this.timed('second cutover', async () => migration.cutover())).toMatchObject({ live: 'green' });
    await clients(this.proxyUrl, 3);
    const { verified } = await this.timed('verify', async () => migration.verify());
    expect(verified).toMatchObject({ equal: true });
    expect(await this.timed('finalise', async () => migration.finalise({ early: true }))).toMatchObject({
      outcome: 'done',
      live: 'green',
    });
    return this.#clock.report();
  }

  async timed<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await this.#clock.timed(what, work);
    } catch (error) {
      const flows = await Promise.all(
        (['forward', 'reverse'] as const).map(async (flow) => this.migration.carrier.status(flow)),
      );
      throw new Error(`${what} failed; the flows are ${JSON.stringify(flows)}`, { cause: error });
    }
  }

  report(): LifeReport {
    return this.#clock.report();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.migration.stopProcesses();
    await this.migration[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

class LifeClock {
  readonly #begunMs = new Map<string, number>();
  readonly #stepMs: Record<string, number> = {};
  readonly #stageMs: Record<string, number> = {};
  readonly #pausesMs: number[] = [];
  readonly #evidence: Record<string, string> = {};

  hear(event: MigrationEvent): void {
    if (event.kind === 'step started') this.#begunMs.set(event.step, monotonicMs());
    if (event.kind === 'step done') {
      const name = event.step.replace(/^cut:(e\d+)a\d+:/, 'cut:$1:');
      this.#stepMs[name] = Math.round(monotonicMs() - (this.#begunMs.get(event.step) ?? monotonicMs()));
      this.#evidence[name] = event.evidence;
    }
    if (event.kind === 'cut' && event.pauseMs !== undefined) this.#pausesMs.push(event.pauseMs);
  }

  async timed<T>(what: string, work: () => Promise<T>): Promise<T> {
    const began = monotonicMs();
    try {
      return await work();
    } finally {
      this.#stageMs[what] = Math.round(monotonicMs() - began);
    }
  }

  report(): LifeReport {
    return { stepMs: this.#stepMs, stageMs: this.#stageMs, pausesMs: this.#pausesMs, evidence: this.#evidence };
  }
}
