import type { Producer } from '@platformatic/kafka';
import { parseAddress } from './address.ts';
import type { KafkaLibrary } from './library.ts';

export interface ProducerOptions {
  /** See `address.ts`. */
  readonly url: string;
  readonly clientId: string;
  readonly timeoutMs: number;
  /** Whether a topic that is not there may be made; the broker's own settings have the last word. */
  readonly autocreateTopics: boolean;
}

/** An idempotent producer, acknowledged by all replicas in sync. It connects when it first sends. TEAL-SYSTEMS-009 for what is no address. */
export function newProducer(
  library: KafkaLibrary,
  { url, clientId, timeoutMs, autocreateTopics }: ProducerOptions,
): Producer {
  const { brokers, sasl, tls } = parseAddress(url);
  return new library.Producer({
    clientId,
    bootstrapBrokers: [...brokers],
    idempotent: true,
    autocreateTopics,
    timeout: timeoutMs,
    connectTimeout: timeoutMs,
    retries: 2,
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl: { ...sasl } }),
  });
}

/** One that does not close in good order is closed all the same. */
export async function closeProducer(producer: Producer | undefined): Promise<void> {
  await producer?.close(true).catch(() => undefined);
}
