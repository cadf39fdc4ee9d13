import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import type { KafkaOptions } from '../../tools/servers/kafka-instance.ts';
import type { ServerRequest } from './server-desk.ts';

/** Whether tests on Kafka run: they do, unless TEAL_KAFKA is empty (`make test` sets it so where no broker can be had, and says it). Skipped ones are counted. */
export const kafkaIsTested = process.env['TEAL_KAFKA'] !== '';

/** The same of Kafka Connect, by TEAL_CONNECT; it needs Kafka. */
export const connectIsTested = kafkaIsTested && process.env['TEAL_CONNECT'] !== '';

export interface TestCluster {
  readonly host: string;
  readonly port: number;
  /** `host:port`. */
  readonly bootstrap: string;
}

/**
 * The cluster of this side that all tests of the run share, of one node; started when it is first asked for, another one for each different set of options. Do not stop it, and let
 * every topic, group and transactional id begin with a prefix of the test (`namePrefix`). `apart`: a name for one that this test shares with nobody, as its rules are of the whole cluster.
 */
export async function testCluster(
  side: 'blue' | 'green',
  { apart, ...options }: Pick<KafkaOptions, 'settings' | 'users'> & { readonly apart?: string } = {},
): Promise<TestCluster> {
  const request: ServerRequest = { kafka: apart === undefined ? side : `${side} ${apart}`, ...options };
  const response = await fetch(inject('serverDesk'), { method: 'POST', body: JSON.stringify(request) });
  const bootstrap = await response.text();
  if (!response.ok) throw new Error(`no Kafka for this test: ${bootstrap}`);
  const [host = '', port = ''] = bootstrap.split(':');
  return Object.freeze({ host, port: Number(port), bootstrap });
}

/** What the names of one test begin with. */
export function namePrefix(): string {
  return `t${randomBytes(5).toString('hex')}.`;
}
