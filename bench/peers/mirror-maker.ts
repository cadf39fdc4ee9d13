import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedFolder } from '../../tools/servers/cache.ts';
import { kafkaVersion } from '../../tools/servers/install-kafka.ts';
import { downloadClosure, type MavenClosure } from '../../tools/servers/maven.ts';

const closure: MavenClosure = Object.freeze({
  name: `MirrorMaker ${kafkaVersion}`,
  roots: [
    `org.apache.kafka:connect-mirror:${kafkaVersion}`,
    `org.apache.kafka:connect-runtime:${kafkaVersion}`,
    `org.apache.kafka:connect-json:${kafkaVersion}`,
    'org.apache.logging.log4j:log4j-slf4j-impl:2.25.3',
    'org.apache.logging.log4j:log4j-core:2.25.3',
  ],
  sha256: '252229bf264679379820a1f80f102dd7e2bb5b0c19fecfa8f20c3d0dcd4c2e9c',
});

/** For Java's `-cp`. Errors: as `downloadClosure`. */
export async function installMirrorMaker(): Promise<string> {
  const folder = await cachedFolder(`mirror-maker-${kafkaVersion}`, async (building) =>
    downloadClosure(closure, building),
  );
  return join(folder, '*');
}

export interface MirrorMaker extends AsyncDisposable {
  readonly pid: number | undefined;
  /** Rejects when it ends by itself. */
  readonly ended: Promise<never>;
}

/**
 * MirrorMaker 2 as a process of its own (`connect-mirror-maker.sh`), one task, the names of topics as they are. What it would do beside the records every few seconds is off; the rest is its
 * default: at least once, one producer, batches of 16 KiB.
 */
export async function startMirrorMaker(
  folder: string,
  { blue, green, topic }: { readonly blue: string; readonly green: string; readonly topic: string },
): Promise<MirrorMaker> {
  const classPath = await installMirrorMaker();
  const settings = {
    clusters: 'blue, green',
    'blue.bootstrap.servers': blue,
    'green.bootstrap.servers': green,
    'blue->green.enabled': 'true',
    'green->blue.enabled': 'false',
    topics: topic,
    'tasks.max': '1',
    'replication.policy.class': 'org.apache.kafka.connect.mirror.IdentityReplicationPolicy',
    'emit.heartbeats.enabled': 'false',
    'emit.checkpoints.enabled': 'false',
    'sync.topic.acls.enabled': 'false',
    'sync.topic.configs.enabled': 'false',
    'replication.factor': '1',
    'offset-syncs.topic.replication.factor': '1',
    'checkpoints.topic.replication.factor': '1',
    'heartbeats.topic.replication.factor': '1',
    'offset.storage.replication.factor': '1',
    'status.storage.replication.factor': '1',
    'config.storage.replication.factor': '1',
  };
  const file = join(folder, 'mirror-maker.properties');
  await writeFile(
    file,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  const main = 'org.apache.kafka.connect.mirror.MirrorMaker';
  const child = spawn('java', ['-Xmx1g', '-cp', classPath, main, file], { stdio: 'ignore', cwd: folder });
  const exit = once(child, 'exit');
  const over = async (): Promise<never> => {
    await exit;
    throw new Error('MirrorMaker has ended');
  };
  const ended = over();
  ended.catch(() => undefined);
  return {
    pid: child.pid,
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  };
}
