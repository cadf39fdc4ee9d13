import { Admin, Producer, type SASLOptions } from '@platformatic/kafka';
import type { Sample } from './logs.ts';

/** A user of a cluster that knows its users. */
export interface Login {
  readonly bootstrap: string;
  readonly username: string;
  readonly password: string;
}

export function urlFor({ bootstrap, username, password }: Login): string {
  return `kafka://${username}:${password}@${bootstrap}?security.protocol=SASL_PLAINTEXT&sasl.mechanism=PLAIN`;
}

function optionsFor({ bootstrap, username, password }: Login): {
  readonly clientId: string;
  readonly bootstrapBrokers: string[];
  readonly sasl: SASLOptions;
  readonly retries: number;
} {
  return {
    clientId: 'application',
    bootstrapBrokers: [bootstrap],
    sasl: { mechanism: 'PLAIN', username, password },
    retries: 2,
  };
}

export function adminOf(login: Login): Admin & AsyncDisposable {
  const admin = new Admin(optionsFor(login));
  return Object.assign(admin, { [Symbol.asyncDispose]: async () => admin.close() });
}

export interface Application extends AsyncDisposable {
  send(topic: string, partition: number, samples: readonly Sample[]): Promise<void>;
}

/** As an application has it: acknowledged by all, or refused. */
export function applicationOf(login: Login): Application {
  const producer = new Producer({ ...optionsFor(login), autocreateTopics: false });
  return {
    send: async (topic, partition, samples) => {
      await producer.send({ messages: messagesOf(topic, partition, samples), acks: -1 });
    },
    [Symbol.asyncDispose]: async () => producer.close(),
  };
}

/** Records in one transaction, which is then committed or given up. As who may do everything: the library adds partitions to it with the request that is for brokers. */
export async function sendInTransaction(
  login: Login,
  topic: string,
  samples: readonly Sample[],
  end: 'commit' | 'abort',
): Promise<void> {
  const transactionalId = `${topic}.${end}`;
  const producer = new Producer({ ...optionsFor(login), transactionalId, idempotent: true });
  try {
    const transaction = await producer.beginTransaction();
    await transaction.send({ messages: messagesOf(topic, 0, samples), acks: -1 });
    await transaction[end]();
  } finally {
    await producer.close();
  }
}

function messagesOf(topic: string, partition: number, samples: readonly Sample[]) {
  return samples.map(({ key, value, headers, timestamp }) => ({
    topic,
    partition,
    key: key as Buffer,
    value: value as Buffer,
    headers: new Map(headers as [Buffer, Buffer][]),
    timestamp,
  }));
}
