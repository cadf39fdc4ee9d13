import type * as Library from '@platformatic/kafka';

export type KafkaLibrary = typeof Library;

/** The client library, loaded by the first who speaks with Kafka: it takes half a second, which a command about databases need not wait for. */
export async function loadLibrary(): Promise<KafkaLibrary> {
  return import('@platformatic/kafka');
}

/** A text that the protocol may leave out, under its name or not at all. */
export function ifGiven<Name extends string>(
  name: Name,
  text: string | null | undefined,
): Partial<Record<Name, string>> {
  return text === null || text === undefined ? {} : ({ [name]: text } as Record<Name, string>);
}
