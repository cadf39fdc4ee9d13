import type { PostgresMajor } from '../tools/servers/install-postgres.ts';

/** What one measured round of one contender gave. */
export interface Reading {
  /** Wall time of what is measured. */
  readonly seconds: number;
  /** CPU seconds meanwhile, by whose they were: `blue`, `green`, `tool`, `proxy`, `clients`. Empty where the system does not tell them. */
  readonly cpu: Readonly<Record<string, number>>;
  /** Whatever else was measured, by a name that ends with its unit: `rows/s`, `lag p50 ms`. */
  readonly figures?: Readonly<Record<string, number>>;
}

/** Who is measured beside whom: a peer is another tool, a limit is what no tool can beat. */
export interface Contender {
  readonly name: string;
  readonly role: 'teal' | 'peer' | 'limit';
  /** One measured round, counted from 1. What is not to be measured is done before its clock starts and after it has stopped. */
  readonly round: (round: number) => Promise<Reading>;
}

export type Bound = `<= ${number}` | `>= ${number}`;

/** A promise: the ratio of two contenders' medians, or, without `against`, a median itself. */
export interface Target {
  /** Default `Teal`. */
  readonly of?: string;
  /** `seconds`, `cpu` (all of it), `cpu tool` and the like, or a figure of the readings. */
  readonly figure: string;
  readonly against?: string;
  /** What Teal must reach; without it only the goal is set. */
  readonly first?: Bound;
  /** Where it is going. */
  readonly goal: Bound;
}

export interface Settings {
  /** Rounds of each contender. */
  readonly rounds: number;
  /** Multiplies the sizes of all data sets and workloads. */
  readonly scale: number;
  readonly blueMajor: PostgresMajor;
  readonly greenMajor: PostgresMajor;
}

/** What the contenders of a variant share while they are measured, servers and data among it. */
export interface Arena extends AsyncDisposable {
  readonly contenders: readonly Contender[];
  /** Before the contenders of each round, counted from 1: work that is the same for all of them. */
  readonly beforeRound?: (round: number) => Promise<void>;
  /** Of the programs that are measured, as they tell them: `mydumper 0.10.1`. */
  readonly versions?: readonly string[];
}

/** One data set or workload. */
export interface Variant {
  readonly name: string;
  /** One sentence: what it is made of. */
  readonly about: string;
  readonly targets: readonly Target[];
  /** Where more rounds would tell nothing new, or take too long. */
  readonly maxRounds?: number;
  readonly open: (settings: Settings) => Promise<Arena>;
}

export interface Benchmark {
  readonly name: string;
  readonly title: string;
  /** How it is measured: when the clock starts and stops, and of what. */
  readonly about: string;
  /** The figure that the chart shows. */
  readonly chart: string;
  /** The servers, where they are not those of `Settings`; default: PostgreSQL of the majors there. */
  readonly between?: (settings: Settings) => string;
  readonly variants: readonly Variant[];
}
