import { asMysqlSeries, type MysqlSeries } from '../../tools/servers/install-mysql.ts';

/** A system that runs are made on: `postgres-18`, `mysql-8.0`, `mariadb-10.11`. */
export type SystemName = `postgres-${number}` | MysqlSeries;
/** What a run moves from and to. Between two protocols no proxy stands: there clients follow the cut by themselves. */
export type PairKind = 'postgres' | 'mysql' | 'mysql to postgres';

/** Two clusters: their runs have schedules, faults and a judge of their own (`logs/`). */
export const clustersOfKafka = 'kafka>kafka';

/** `blue>green`. Throws for what nobody can start, and for pairs that are not moved. */
export function asSystems(text: string): readonly [blue: SystemName, green: SystemName] {
  const [blue = '', green = '', ...more] = text.split('>');
  if (more.length > 0) throw new RangeError(`not two systems: ${text}`);
  const systems = [asSystem(blue), asSystem(green)] as const;
  pairKind(...systems);
  return systems;
}

function asSystem(text: string): SystemName {
  const major = /^postgres-(\d+)$/.exec(text)?.[1];
  return major === undefined ? asMysqlSeries(text) : `postgres-${Number(major)}`;
}

/** Of PostgreSQL; undefined for the others. */
export function majorOf(system: SystemName): number | undefined {
  const major = /^postgres-(\d+)$/.exec(system)?.[1];
  return major === undefined ? undefined : Number(major);
}

export function asSeries(system: SystemName): MysqlSeries {
  return asMysqlSeries(system);
}

export function pairKind(blue: SystemName, green: SystemName): PairKind {
  const [from, to] = [majorOf(blue), majorOf(green)];
  if (from !== undefined && to !== undefined) return 'postgres';
  if (from !== undefined) throw new RangeError(`nothing moves from ${blue} to ${green}`);
  return to === undefined ? 'mysql' : 'mysql to postgres';
}

/** Of a pair of PostgreSQL alone, whose client programs a controller needs. */
export function majorsOf(blue: SystemName, green: SystemName): readonly [blue: number, green: number] | undefined {
  const [from, to] = [majorOf(blue), majorOf(green)];
  return from === undefined || to === undefined ? undefined : [from, to];
}

/** For people. */
export function systemsText(blue: SystemName, green: SystemName): string {
  const majors = majorsOf(blue, green);
  return majors === undefined ? `${nameOf(blue)} to ${nameOf(green)}` : `PostgreSQL ${majors[0]} to ${majors[1]}`;
}

function nameOf(system: SystemName): string {
  return system.replace('postgres-', 'PostgreSQL ').replace('mysql-', 'MySQL ').replace('mariadb-', 'MariaDB ');
}
