import { join } from 'node:path';
import { TealError } from '../../src/kernel/errors.ts';
import { cachedFolder } from './cache.ts';
import { downloadClosure, type MavenClosure } from './maven.ts';
import { runProgram } from './run-program.ts';

/** The newest release whose jars are all published, those of Connect too. */
export const kafkaVersion = '4.3.1';

export interface InstalledKafka {
  readonly version: typeof kafkaVersion;
  /** `java`, on the path. */
  readonly program: string;
  /** For Java's `-cp`: every jar of the broker. */
  readonly classPath: string;
}

/** A broker and no more. Kafka's poms leave log4j out, and without it a broker that does not start says nothing. */
const broker: MavenClosure = Object.freeze({
  name: `Kafka ${kafkaVersion}`,
  roots: [
    `org.apache.kafka:kafka_2.13:${kafkaVersion}`,
    'org.apache.logging.log4j:log4j-slf4j-impl:2.25.3',
    'org.apache.logging.log4j:log4j-core:2.25.3',
  ],
  sha256: '36fa081143c004fd423dc799508abbb75836a574a48b68e7c73314fca54d6d4a',
});

/**
 * The broker's jars (44 MB), fetched through Maven on the first call; a Java of the machine runs them. May be called twice and by two processes at once. TEAL-TOOLS-001
 * when they cannot be had, TEAL-TOOLS-003 without a Java of at least 17, TEAL-TOOLS-004 when other bytes arrive than were tested.
 */
export async function installKafka(): Promise<InstalledKafka> {
  await requireJava();
  const folder = await cachedFolder(`kafka-${kafkaVersion}`, async (building) => downloadClosure(broker, building));
  return Object.freeze({ version: kafkaVersion, program: 'java', classPath: join(folder, '*') });
}

/** `java -version` speaks on standard error; its properties on standard output do not exist. `--version` does, from Java 9 on. */
export async function requireJava(): Promise<void> {
  let said: string;
  try {
    said = await runProgram('java', ['--version']);
  } catch (error) {
    throw new TealError(
      'TEAL-TOOLS-003',
      `Kafka ${kafkaVersion} needs Java 17, and there is none on the path`,
      {},
      error,
    );
  }
  const major = /^\S+ (\d+)/.exec(said)?.[1] ?? '0';
  if (Number(major) < 17)
    throw new TealError('TEAL-TOOLS-003', `Kafka ${kafkaVersion} needs Java 17, here is ${major}`);
}

if (import.meta.main) {
  const { classPath } = await installKafka();
  process.stdout.write(`${classPath}\n`);
}
