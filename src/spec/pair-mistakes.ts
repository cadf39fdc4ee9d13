import { z } from 'zod';
import { familyOf, noProxyBetween } from './families.ts';
import type { Mistake } from './mistakes.ts';
import { pathText, type Places } from './places.ts';
import { mistakesOfRouter } from './router-mistakes.ts';

const side = z.object({
  system: z.enum(['postgres', 'mysql', 'mariadb', 'kafka']).default('postgres'),
  schemaRegistry: z.unknown().optional(),
});

/** As much of the document as this needs, so that it is looked at also in a document that has mistakes elsewhere. */
const pair = z.object({
  blue: side,
  green: side,
  traffic: z
    .object({
      router: z.unknown().optional(),
      clientAuth: z.unknown().optional(),
      authFile: z.unknown().optional(),
      processes: z.unknown().optional(),
    })
    .loose()
    .catch({})
    .default({}),
  groups: z.object({ stop: z.unknown().optional(), start: z.unknown().optional() }).catch({}).default({}),
  carrier: z.unknown().optional(),
  connect: z.unknown().optional(),
  canary: z.unknown().optional(),
  shadow: z.unknown().optional(),
  cutover: z
    .object({
      gates: z.array(z.unknown()).catch([]).default([]),
      lockTimeout: z.unknown().optional(),
      sequenceHeadroom: z.unknown().optional(),
    })
    .catch({ gates: [] })
    .default({ gates: [] }),
  soak: z
    .object({
      health: z.array(z.unknown()).catch([]).default([]),
      rollBackOn: z.array(z.unknown()).catch([]).default([]),
    })
    .catch({ health: [], rollBackOn: [] })
    .default({ health: [], rollBackOn: [] }),
  follow: z
    .object({
      method: z.unknown().optional(),
      column: z.unknown().optional(),
      columns: z.unknown().optional(),
      interval: z.unknown().optional(),
      zone: z.unknown().optional(),
      acceptFrozenSchema: z.unknown().optional(),
    })
    .catch({})
    .default({}),
});

/** What cannot be had between these two systems, though each alone would have it. */
export function mistakesOfPair(plain: unknown, places: Places): readonly Mistake[] {
  const parsed = pair.safeParse(plain);
  // A side is missing or unknown: the schema says so.
  if (!parsed.success) return [];
  const { blue, green, traffic, follow } = parsed.data;
  const given = new Set(Object.keys(Object(plain)));
  if (blue.system === 'kafka' || green.system === 'kafka') {
    return [...mistakesOfKafka(parsed.data, given, places), ...mistakesOfReads(parsed.data, given, places)];
  }
  return [
    ...mistakesOfReads(parsed.data, given, places),
    ...mistakesOfTenants(parsed.data, places),
    ...mistakesOfRegistries(parsed.data, places),
    ...mistakesOfFigures(parsed.data, places),
    ...mistakesOfWord('topics', '`topics` is of Kafka: of databases there are `tables`', given, places),
    ...mistakesOfWord('groups', '`groups` is of Kafka', given, places),
    ...mistakesOfTraffic({ blue, green, traffic }, places),
    ...mistakesOfRouter(traffic, routerOf(parsed.data), { blue: blue.system, green: green.system }, places),
    ...mistakesOfFollow({ blue, follow }, places),
    ...mistakesOfConnect(parsed.data, places),
  ];
}

function mistakesOfConnect(
  { blue, green, carrier, connect, follow }: PairOfDocument,
  places: Places,
): readonly Mistake[] {
  const isWanted = carrier === 'connect';
  if (!isWanted && connect === undefined) return [];
  const at = (path: string, message: string): Mistake => ({ ...places.ofValue(path.split('.')), path, message });
  if (!isWanted) return [at('connect', 'expected `carrier: connect` beside it')];
  return [
    ...(connect === undefined ? [at('carrier', 'expected `connect` beside it: where the workers are')] : []),
    ...(Object.hasOwn(Object(connect), 'tasks') ? [at('connect.tasks', 'expected nothing: it is of Kafka')] : []),
    ...(green.system === 'postgres' ? [] : [at('carrier', 'expected embedded: Kafka Connect carries into PostgreSQL')]),
    ...(connect === undefined || familyOf(blue.system) === 'postgres' || Object(connect).kafka !== undefined
      ? []
      : [at('connect', 'expected `kafka` in it: Debezium keeps there what the tables of MySQL and MariaDB were like')]),
    ...(follow.method === undefined || follow.method === 'log'
      ? []
      : [at('follow.method', 'expected log: Debezium reads it')]),
  ];
}

/** Words of `connect` that mean something of databases alone. */
const connectOfDatabases = ['kafka', 'topicPrefix', 'acceptUnfaithful'] as const;

function mistakesOfMirrorMaker({ carrier, connect }: PairOfDocument, places: Places): readonly Mistake[] {
  const at = (path: string, message: string): Mistake => ({ ...places.ofValue(path.split('.')), path, message });
  if (carrier !== 'connect') {
    return connect === undefined ? [] : [at('connect', 'expected `carrier: connect` beside it')];
  }
  if (connect === undefined) return [at('carrier', 'expected `connect` beside it: where the workers are')];
  return connectOfDatabases
    .filter((word) => Object.hasOwn(Object(connect), word))
    .map((word) => at(`connect.${word}`, 'expected nothing: it is of databases'));
}

/** What clients meet is counted where Teal reads what they say. */
function mistakesOfFigures(document: PairOfDocument, places: Places): readonly Mistake[] {
  const { blue, green, soak } = document;
  if (soak.rollBackOn.length === 0) return [];
  const family = familyOf(blue.system);
  const isProxied = family === familyOf(green.system) && family !== 'kafka' && routerOf(document) === 'proxy';
  if (isProxied) return [];
  const message =
    "expected nothing: it is counted by Teal's proxy between two databases of one family (`traffic.router: proxy`)";
  return [{ ...places.ofValue(['soak', 'rollBackOn']), path: 'soak.rollBackOn', message }];
}

const wordsOfReads = [
  ['shadow', 'compared'],
  ['canary', 'moved'],
] as const;

/** Sessions of some go elsewhere than all others in one process alone, and what green takes comes back by Teal's own carrier. */
function mistakesOfTenants({ canary, carrier, traffic }: PairOfDocument, places: Places): readonly Mistake[] {
  if (typeof canary !== 'object' || canary === null || !('writes' in canary)) return [];
  const at = (message: string): Mistake => ({ ...places.ofKey(['canary', 'writes']), path: 'canary.writes', message });
  return [
    ...(carrier === 'connect' ? [at('expected nothing: Kafka Connect does not tell what tenants write where')] : []),
    ...(typeof traffic.processes === 'number' && traffic.processes > 1
      ? [at('expected `traffic.processes: 1`: one process knows where the sessions of each tenant go')]
      : []),
  ];
}

/** Reads can be put to green where Teal reads what clients say, and can tell what green has applied. */
function mistakesOfReads(document: PairOfDocument, given: ReadonlySet<string>, places: Places): readonly Mistake[] {
  const { blue, green, follow } = document;
  const between = familyOf(blue.system) === 'postgres' && familyOf(green.system) === 'postgres';
  const betweenMysql = familyOf(blue.system) === 'mysql' && familyOf(green.system) === 'mysql';
  return wordsOfReads.flatMap(([word, done]) => {
    if (!between && !betweenMysql) {
      const message = `reads are ${done} between two PostgreSQL databases, or two of MySQL and MariaDB`;
      return mistakesOfWord(word, message, given, places);
    }
    if (routerOf(document) !== 'proxy') {
      return mistakesOfWord(word, `reads are ${done} by Teal's proxy (\`traffic.router: proxy\`)`, given, places);
    }
    if (follow.method !== undefined && follow.method !== 'log') {
      return mistakesOfWord(word, 'how far green is can only be told of `follow.method: log`', given, places);
    }
    if (!betweenMysql) return [];
    return word === 'shadow' ? mistakesOfShadowWrites(document, places) : mistakesOfCanaryWrites(document, places);
  });
}

/** The gates that keep rows of tenants on one side are PostgreSQL's. */
function mistakesOfCanaryWrites({ canary }: PairOfDocument, places: Places): readonly Mistake[] {
  if (!Object.hasOwn(Object(canary), 'writes')) return [];
  const message = 'expected nothing: tenants are moved between two PostgreSQL databases alone';
  return [{ ...places.ofKey(['canary', 'writes']), path: 'canary.writes', message }];
}

/** Nothing in MySQL and MariaDB lets a write through a fence that cannot be committed. */
function mistakesOfShadowWrites({ shadow }: PairOfDocument, places: Places): readonly Mistake[] {
  const has = (word: string): boolean => Object.hasOwn(Object(shadow), word);
  if (!has('writes') || has('scratch')) return [];
  const message = 'expected `scratch` beside it: between MySQL and MariaDB writes are tried in a copy alone';
  return [{ ...places.ofKey(['shadow', 'writes']), path: 'shadow.writes', message }];
}

function routerOf({ blue, green, traffic }: PairOfDocument): string {
  // Something else than a word: the schema says so.
  if (traffic.router !== undefined) return typeof traffic.router === 'string' ? traffic.router : '';
  return familyOf(blue.system) === familyOf(green.system) ? 'proxy' : 'none';
}

/** Ids are compared, and copied, between two registries. */
function mistakesOfRegistries({ blue, green }: PairOfDocument, places: Places): readonly Mistake[] {
  const named = (['blue', 'green'] as const).filter((side) => ({ blue, green })[side].schemaRegistry !== undefined);
  const wrong = (side: 'blue' | 'green', message: string): Mistake => ({
    ...places.ofValue([side, 'schemaRegistry']),
    path: `${side}.schemaRegistry`,
    message,
  });
  const ofOthers = named.filter((side) => ({ blue, green })[side].system !== 'kafka');
  if (ofOthers.length > 0) return ofOthers.map((side) => wrong(side, 'expected nothing: it is of Kafka'));
  const [only] = named;
  return named.length === 1 && only !== undefined
    ? [wrong(only, 'expected one on both sides: what one alone holds can be neither compared nor copied')]
    : [];
}

const ofDatabases = ['tables', 'mapping', 'copy', 'follow', 'anomalies'] as const;
/** Those that lead a client to an address, whatever it says there: of a cluster to its first brokers. */
const kafkaRouters = ['none', 'haproxy', 'nginx', 'envoy', 'dns', 'kubernetes-service', 'flagd', 'command', 'webhook'];
const ofProxy = ['listen', 'tls', 'clientAuth', 'authFile', 'pinned', 'maxClients', 'processes'];

function mistakesOfKafka(document: PairOfDocument, given: ReadonlySet<string>, places: Places): readonly Mistake[] {
  const { blue, green, traffic, cutover, groups, soak } = document;
  if (blue.system !== green.system) {
    const side = blue.system === 'kafka' ? 'green' : 'blue';
    const message = 'expected kafka: topics can be moved to another cluster only';
    return [{ ...places.ofValue([side, 'system']), path: `${side}.system`, message }];
  }
  const at = (path: readonly string[], message: string): Mistake => ({
    ...places.ofValue([...path]),
    path: path.join('.'),
    message,
  });
  const router = traffic.router ?? 'none';
  const known = Object.fromEntries(Object.entries(traffic).filter(([word]) => !ofProxy.includes(word)));
  const { stop, start } = groups;
  return [
    ...mistakesOfMirrorMaker(document, places),
    ...ofDatabases.flatMap((word) =>
      mistakesOfWord(word, 'it is of databases; of Kafka there are `topics` and `groups`', given, places),
    ),
    ...(typeof router === 'string' && !kafkaRouters.includes(router)
      ? [at(['traffic', 'router'], `expected ${kafkaRouters.join(', ')}: no other router knows clients of Kafka`)]
      : mistakesOfRouter(
          known,
          typeof router === 'string' ? router : '',
          { blue: blue.system, green: green.system },
          places,
        )),
    ...ofProxy
      .filter((word) => Object.hasOwn(traffic, word))
      .map((word) => at(['traffic', word], 'expected nothing: there is no proxy for clients of Kafka')),
    ...mistakesOfRegistries(document, places),
    ...(stop !== undefined && start === undefined ? [at(['groups', 'start'], 'is missing: `stop` needs it')] : []),
    ...(start !== undefined && stop === undefined ? [at(['groups', 'stop'], 'is missing: `start` needs it')] : []),
    ...(['lockTimeout', 'sequenceHeadroom'] as const)
      .filter((word) => cutover[word] !== undefined)
      .map((word) => at(['cutover', word], 'expected nothing: it is of databases')),
    ...mistakesOfSql(cutover.gates, ['cutover', 'gates'], places),
    ...mistakesOfSql(soak.health, ['soak', 'health'], places),
    ...mistakesOfFigures(document, places),
  ];
}

function mistakesOfSql(gates: readonly unknown[], list: readonly [string, string], places: Places): readonly Mistake[] {
  return gates.flatMap((gate, index) => {
    if (typeof gate !== 'object' || gate === null || !('sql' in gate)) return [];
    const path = [...list, index];
    const message = 'expected another gate: Kafka is asked nothing by SQL';
    return [{ ...places.ofValue(path), path: pathText(path), message }];
  });
}

function mistakesOfWord(word: string, why: string, given: ReadonlySet<string>, places: Places): readonly Mistake[] {
  return given.has(word) ? [{ ...places.ofKey([word]), path: word, message: `expected nothing: ${why}` }] : [];
}

type PairOfDocument = z.infer<typeof pair>;

/** Words of `follow` that mean something beside one method alone, and which. */
const wordsOfMethods = {
  column: '`method: polling`',
  columns: '`method: polling`',
  interval: '`method: polling`',
  zone: '`method: polling` of MySQL and MariaDB',
  acceptFrozenSchema: '`method: triggers` on MySQL and MariaDB',
} as const;

function mistakesOfFollow(
  { blue, follow }: Pick<PairOfDocument, 'blue' | 'follow'>,
  places: Places,
): readonly Mistake[] {
  const isMysql = familyOf(blue.system) === 'mysql';
  const at = (word: keyof typeof follow, message: string): readonly Mistake[] => [
    { ...places.ofValue(['follow', word]), path: `follow.${word}`, message },
  ];
  const unused = (word: keyof typeof wordsOfMethods): readonly Mistake[] =>
    follow[word] === undefined ? [] : at(word, `expected nothing: it is of ${wordsOfMethods[word]}`);
  const needsColumn = follow.method === 'polling' && follow.column === undefined;
  return [
    ...(needsColumn
      ? at('method', 'expected `column` beside it: the column that says when a row was written last')
      : []),
    ...(follow.method === 'polling' ? [] : (['column', 'columns', 'interval'] as const).flatMap(unused)),
    ...(follow.method === 'polling' && isMysql ? [] : unused('zone')),
    ...(follow.method === 'triggers' && isMysql ? [] : unused('acceptFrozenSchema')),
  ];
}

function mistakesOfTraffic(
  { blue, green, traffic }: Pick<PairOfDocument, 'blue' | 'green' | 'traffic'>,
  places: Places,
): readonly Mistake[] {
  const at = (word: keyof typeof traffic, message: string): readonly Mistake[] => [
    { ...places.ofValue(['traffic', word]), path: `traffic.${word}`, message },
  ];
  const family = familyOf(blue.system);
  if (family !== familyOf(green.system)) {
    if (traffic.router !== 'proxy') return [];
    return at('router', `expected none: ${noProxyBetween(blue.system, green.system)}`);
  }
  if (family === 'postgres') {
    return traffic.clientAuth === 'password'
      ? at('clientAuth', 'expected scram: `password` is of MySQL and MariaDB')
      : [];
  }
  return [
    ...(traffic.clientAuth === 'scram' ? at('clientAuth', 'expected password: `scram` is of PostgreSQL') : []),
    ...(traffic.authFile === undefined
      ? []
      : at('authFile', 'expected nothing: accounts of MySQL and MariaDB are read from mysql.user')),
  ];
}
