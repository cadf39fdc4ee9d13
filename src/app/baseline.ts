import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isoNow } from '../kernel/clock.ts';
import { TealError } from '../kernel/errors.ts';
import {
  compareLoads,
  percentilesOf,
  percentilesOfAll,
  whatIsWorse,
  type ComparedLoad,
  type Percentiles,
  type StatementLoad,
} from '../model/load.ts';
import { summarise } from '../traffic/proxy/replay/summary.ts';
import type { LoadedSpec } from './load-spec.ts';
import { replaceFile } from './supervisor-config.ts';

export type { ComparedLoad, Percentiles };

const counts = z.record(z.string(), z.int().min(0));

/** What statements have cost at one time; no value of a statement is in it. */
const keptBaseline = z.strictObject({
  version: z.literal(1),
  name: z.string(),
  atIso: z.iso.datetime(),
  /** When the load was recorded, and for how long. */
  recordedIso: z.iso.datetime(),
  lastedMs: z.number().min(0),
  statements: z.array(
    z.strictObject({ statement: z.string(), count: z.int().min(0), errors: counts, latencies: counts }),
  ),
});
export type Baseline = z.output<typeof keptBaseline>;

export interface BaselineComparison {
  readonly name: string;
  readonly recordedIso: string;
  readonly before: Percentiles;
  readonly after: Percentiles;
  readonly statements: readonly ComparedLoad[];
  readonly because: readonly string[];
}

const nameForm = /^[\w.-]{1,64}$/;

/** Makes a baseline of a capture, and keeps it in the state folder under its name, in place of an earlier one. Errors: TEAL-TRAFFIC-036, TEAL-APP-023. */
export async function keepBaseline(loaded: LoadedSpec, capture: string, name: string): Promise<Baseline> {
  const path = pathOf(loaded, name);
  const { header, lastedMs, statements } = await summarise(capture);
  const baseline: Baseline = {
    version: 1,
    name,
    atIso: isoNow(),
    recordedIso: header.atIso,
    lastedMs,
    statements: statements.map((load) => ({ ...load, errors: { ...load.errors }, latencies: { ...load.latencies } })),
  };
  await mkdir(join(loaded.stateDir, 'baselines'), { recursive: true, mode: 0o700 });
  await replaceFile(path, baseline);
  return baseline;
}

/** A statement and what it has cost. */
export interface KeyStatement extends Percentiles {
  readonly statement: string;
  /** By SQLSTATE. */
  readonly errors: Readonly<Record<string, number>>;
}

/** Those that took the most time first. */
export function keyStatements(statements: readonly StatementLoad[]): readonly KeyStatement[] {
  return statements.map(({ statement, count, errors, latencies }) => ({
    statement,
    errors,
    ...percentilesOf(count, latencies),
  }));
}

/** What the statements of a capture have cost. Errors: TEAL-TRAFFIC-036. */
export async function loadOf(capture: string): Promise<readonly KeyStatement[]> {
  return keyStatements((await summarise(capture)).statements);
}

/** The baseline of that name. Errors: TEAL-APP-023 there is none, or it is unreadable. */
export async function readBaseline(loaded: LoadedSpec, name: string): Promise<Baseline> {
  const path = pathOf(loaded, name);
  try {
    return keptBaseline.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new TealError('TEAL-APP-023', `no baseline ${name} can be read in ${path}`, { name }, error);
  }
}

/** What a capture holds against a baseline. */
export async function compareWithBaseline(
  loaded: LoadedSpec,
  capture: string,
  name: string,
  slowerThan: number,
): Promise<BaselineComparison> {
  const baseline = await readBaseline(loaded, name);
  const summary = await summarise(capture);
  const statements = compareLoads(baseline.statements, summary.statements, slowerThan);
  return {
    name,
    recordedIso: baseline.recordedIso,
    before: percentilesOfAll(baseline.statements),
    after: percentilesOfAll(summary.statements),
    statements,
    because: whatIsWorse(statements),
  };
}

function pathOf({ stateDir }: LoadedSpec, name: string): string {
  if (nameForm.test(name)) return join(stateDir, 'baselines', `${name}.json`);
  throw new TealError('TEAL-APP-023', 'the name of a baseline is letters, digits, `_`, `.` and `-`', { name });
}
