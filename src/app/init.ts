import { initKafkaSpecText, initSpecText } from '../spec/init.ts';
import { valueOr } from '../model/facts.ts';
import { addressOf } from './address.ts';
import { lookAtKafka, movedTopics } from './assess-kafka.ts';
import { lookAt } from './look.ts';

export interface InitOptions {
  readonly name: string;
  readonly blueUrl: string;
  readonly greenUrl: string;
  readonly signal?: AbortSignal;
}

/** The text of a first migration file, from a look at both systems. Holds no password: the file takes both URLs from the environment. */
export async function initFile(options: InitOptions): Promise<string> {
  if (options.blueUrl.startsWith('kafka:') && options.greenUrl.startsWith('kafka:')) return initKafkaFile(options);
  const [blue, green] = await Promise.all([
    lookAt('blue', options.blueUrl, options.signal),
    lookAt('green', options.greenUrl, options.signal),
  ]);
  const schemas = [...new Set(blue.catalog.tables.map((table) => table.schema))].sort();
  return initSpecText({
    name: options.name,
    blue: { version: `PostgreSQL ${blue.identity.version}`, address: addressOf(options.blueUrl) },
    green: { version: `PostgreSQL ${green.identity.version}`, address: addressOf(options.greenUrl) },
    schemas: schemas.length === 0 ? ['public'] : schemas,
    tables: blue.catalog.tables.length,
  });
}

async function initKafkaFile({ name, blueUrl, greenUrl, signal }: InitOptions): Promise<string> {
  const [blue, green] = [await lookAtKafka('blue', blueUrl, signal), await lookAtKafka('green', greenUrl, signal)];
  return initKafkaSpecText({
    name,
    blue: { clusterId: blue.identity.clusterId, address: addressOf(blueUrl) },
    green: { clusterId: green.identity.clusterId, address: addressOf(greenUrl) },
    topics: movedTopics(blue, {}).length,
    groups: valueOr(blue.facts.groups, []).length,
  });
}
