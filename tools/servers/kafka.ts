import { rm } from 'node:fs/promises';
import { Daemon } from './daemon.ts';
import { freePort } from './free-port.ts';
import { installKafka } from './install-kafka.ts';
import {
  kafkaCommand,
  kafkaEnvironment,
  kafkaPidFile,
  kafkaPortTaken,
  kafkaReady,
  makeKafkaDataDir,
  type KafkaOptions,
} from './kafka-instance.ts';
import { watchOver } from './watcher.ts';

export interface KafkaServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** `host:port`, for a client's list of brokers. */
  readonly bootstrap: string;
  readonly dataDir: string;
  readonly logFile: string;
  /** Undefined while it is down. */
  readonly pid: number | undefined;
  /** Resolves when the process is gone, in good order. Twice is harmless. */
  stop(): Promise<void>;
  kill9(): Promise<void>;
  /** On the same port and the same data; also after `stop` and `kill9`. `settings`: on top of those that it was first started with, until its next start. */
  restart(settings?: KafkaOptions['settings']): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A real cluster of one node, ready for clients. It ends with this process, however that ends, and its data go with it (see watcher.ts). TEAL-TOOLS-001, -003 or -004
 * when it cannot be installed, -002 when it does not come up.
 */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  const installed = await installKafka();
  const dataDir = await makeKafkaDataDir(installed);
  const { port, settings, ...rest } = options;
  // Java takes the first signal, QUIT, as a wish for its threads' stacks.
  const watcher = watchOver(dataDir, 'remove', kafkaPidFile, 'KILL');
  const daemon = new Daemon({
    name: `Kafka ${installed.version}`,
    dataDir,
    pidFile: kafkaPidFile,
    env: kafkaEnvironment(),
    ready: kafkaReady,
    portTaken: kafkaPortTaken,
    command: async (client, more) =>
      kafkaCommand(
        installed,
        dataDir,
        { client, controller: await freePort() },
        { ...rest, settings: { ...settings, ...more } },
      ),
  });
  const dispose = async (): Promise<void> => {
    // Nobody will look at the data again.
    await daemon.end('SIGKILL');
    await watcher.dismiss();
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    await daemon.start(port);
  } catch (error) {
    await dispose();
    throw error;
  }
  return Object.freeze({
    host: '127.0.0.1' as const,
    port: daemon.port,
    bootstrap: `127.0.0.1:${daemon.port}`,
    dataDir,
    logFile: daemon.logFile,
    get pid() {
      return daemon.pid;
    },
    stop: async () => daemon.end('SIGTERM'),
    kill9: async () => daemon.end('SIGKILL'),
    restart: async (more?: KafkaOptions['settings']) => {
      await daemon.end('SIGTERM');
      await daemon.start(daemon.port, more);
    },
    [Symbol.asyncDispose]: dispose,
  });
}
