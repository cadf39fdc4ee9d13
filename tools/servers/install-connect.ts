import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedFolder } from './cache.ts';
import { kafkaVersion, requireJava } from './install-kafka.ts';
import { downloadClosure, type MavenClosure } from './maven.ts';

/** The newest release of which every connector that is wanted here is published. */
export const debeziumVersion = '3.5.0.Final';

export interface InstalledConnect {
  /** `java`, on the path. */
  readonly program: string;
  /** For Java's `-cp`: every jar of a worker, MirrorMaker's connectors among them. */
  readonly classPath: string;
}

/** A worker of Kafka Connect. Kafka's poms leave log4j out, and without it a worker does not start. */
const worker: MavenClosure = Object.freeze({
  name: `Kafka Connect ${kafkaVersion}`,
  roots: [
    ...['connect-runtime', 'connect-json', 'connect-transforms', 'connect-mirror', 'connect-mirror-client'].map(
      (artifact) => `org.apache.kafka:${artifact}:${kafkaVersion}`,
    ),
    'org.apache.logging.log4j:log4j-slf4j-impl:2.25.3',
    'org.apache.logging.log4j:log4j-core:2.25.3',
  ],
  sha256: '252229bf264679379820a1f80f102dd7e2bb5b0c19fecfa8f20c3d0dcd4c2e9c',
});

/**
 * What a worker has itself, or the sink dies of finding twice (`BlackbirdModule not a subtype`), and drivers of other vendors.
 */
const hadOrUnwanted = [
  'org.apache.kafka',
  'org.slf4j',
  'com.fasterxml.jackson.core',
  'com.fasterxml.jackson.datatype',
  'org.xerial.snappy',
  'com.github.luben',
  'org.lz4',
  'org.checkerframework',
  'com.oracle',
  'com.ibm',
  'com.microsoft',
];

const plugins = Object.freeze({
  'debezium-postgres': {
    name: `Debezium's connector of PostgreSQL ${debeziumVersion}`,
    roots: [`io.debezium:debezium-connector-postgres:${debeziumVersion}`],
    without: hadOrUnwanted,
    sha256: 'de5f8f63ab0af1ba47f5920655a865bc9a7fe2b92eb2c093a23c30bc65712dee',
  },
  'debezium-jdbc': {
    name: `Debezium's JDBC sink ${debeziumVersion}`,
    roots: [`io.debezium:debezium-connector-jdbc:${debeziumVersion}`],
    without: [...hadOrUnwanted, 'com.mysql', 'org.mariadb.jdbc'],
    sha256: '4fa1247f14f3c36edcd801d355ea6e53a2c762d464c9a0bfe941495c753632ab',
  },
  'debezium-mysql': {
    name: `Debezium's connector of MySQL ${debeziumVersion}`,
    roots: [`io.debezium:debezium-connector-mysql:${debeziumVersion}`],
    without: hadOrUnwanted,
    sha256: '52a26cf908c809b8e11504d7580f35e12bc239e9bae98653d16fcba06b0c5958',
  },
  'debezium-mariadb': {
    name: `Debezium's connector of MariaDB ${debeziumVersion}`,
    roots: [`io.debezium:debezium-connector-mariadb:${debeziumVersion}`],
    without: hadOrUnwanted,
    sha256: 'c5bcf1ec0ee142490828d9f27d7c37d0d65684678c51cbc0436f106818823388',
  },
  // Of the drivers of other vendors the one that it needs.
  'debezium-oracle': {
    name: `Debezium's connector of Oracle ${debeziumVersion}`,
    roots: [
      `io.debezium:debezium-connector-oracle:${debeziumVersion}`,
      'com.oracle.database.jdbc:ojdbc11:23.7.0.25.01',
    ],
    without: hadOrUnwanted.filter((group) => group !== 'com.oracle'),
    // Of a buffer of Ehcache's, which nobody asks for; it names repositories beside Maven Central.
    unsought: ['org.glassfish.jaxb:jaxb-runtime'],
    sha256: '64f18872209239004131190ad44471ab3f03e52850b2e1fd978618966d83fd75',
  },
  'debezium-sqlserver': {
    name: `Debezium's connector of SQL Server ${debeziumVersion}`,
    roots: [
      `io.debezium:debezium-connector-sqlserver:${debeziumVersion}`,
      'com.microsoft.sqlserver:mssql-jdbc:13.2.1.jre11',
    ],
    without: hadOrUnwanted.filter((group) => group !== 'com.microsoft'),
    sha256: '7b115653f51736b1374e516b33ad4d6b8a3dfbe455e02adc08d4dd3c46401dd3',
  },
}) satisfies Readonly<Record<string, MavenClosure>>;

export type ConnectPluginName = keyof typeof plugins;

/**
 * The jars of a worker (some 60 MB), fetched through Maven on the first call. May be called twice and by two processes at once. Errors: as `installKafka`.
 */
export async function installConnect(): Promise<InstalledConnect> {
  await requireJava();
  const folder = await cachedFolder(`connect-${kafkaVersion}`, async (building) => downloadClosure(worker, building));
  return Object.freeze({ program: 'java', classPath: join(folder, '*') });
}

/** A folder for `plugin.path`, which holds the plugin's own folder. */
export async function installPlugin(name: ConnectPluginName): Promise<string> {
  return cachedFolder(`connect-${name}-${debeziumVersion}`, async (building) => {
    const folder = join(building, name);
    await mkdir(folder);
    await downloadClosure(plugins[name], folder);
  });
}

if (import.meta.main) {
  const { classPath } = await installConnect();
  const folders = await Promise.all((Object.keys(plugins) as ConnectPluginName[]).map(installPlugin));
  process.stdout.write([classPath, ...folders, ''].join('\n'));
}
