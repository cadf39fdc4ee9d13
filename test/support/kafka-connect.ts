import { readFile } from 'node:fs/promises';
import { ConnectRest } from '../../src/carriers/connect/rest.ts';
import { prefixed } from '../../src/carriers/connect/connectors.ts';
import { javaClientSettings } from '../../src/systems/kafka/java-client.ts';
import type { ConnectCluster } from '../../tools/servers/connect.ts';
import { startKafka } from '../../tools/servers/kafka.ts';
import { makeCertificates } from './certificates.ts';

/** A cluster whose clients log in and speak TLS, with the address that says so. */
export interface SecuredKafka extends AsyncDisposable {
  /** `kafka://user:password@…?security.protocol=SASL_SSL&…`. */
  readonly url: string;
  readonly bootstrap: string;
  /** Lines of a worker's configuration, for itself and for the clients of its connectors. */
  readonly workerSettings: Readonly<Record<string, string>>;
}

export async function startSecuredKafka(): Promise<SecuredKafka> {
  await using stack = new AsyncDisposableStack();
  const { authorityFile, server, ...certificates } = await makeCertificates();
  stack.defer(async () => certificates[Symbol.asyncDispose]());
  const authority = await readFile(authorityFile, 'utf8');
  const password = 'a "pass word\\1';
  const { bootstrap } = stack.use(await startKafka({ users: { mover: password }, tls: { ...server, authority } }));
  const url = `kafka://mover:${encodeURIComponent(password)}@${bootstrap}?security.protocol=SASL_SSL&sasl.mechanism=PLAIN&ssl.ca.location=${authorityFile}`;
  const { 'bootstrap.servers': _, ...client } = javaClientSettings(url);
  const kept = stack.move();
  return {
    url,
    bootstrap,
    workerSettings: Object.assign(
      {},
      ...['', 'producer.', 'consumer.', 'admin.'].map((of) => prefixed(of, client)),
    ) as Readonly<Record<string, string>>,
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

/** Kills the worker that has the sink's task, while rows come through it. */
export async function killWorkerOfSink({ urls: [url = ''], workers }: ConnectCluster): Promise<void> {
  const connectors = (await (await fetch(`${url}/connectors`)).json()) as readonly string[];
  const sink = connectors.find((name) => name.endsWith('-sink')) ?? '';
  const status = await new ConnectRest({ url }).status(sink);
  const [task] = status?.tasks ?? [];
  const worker = workers.find((each) => each.url.endsWith(`//${task?.worker_id}`));
  if (worker === undefined) throw new Error(`no worker has the sink's task: ${JSON.stringify(status)}`);
  await worker.kill9();
}
