import type { API, Reader } from '@platformatic/kafka';
import {
  fetchApi,
  readFetchAnswer,
  writeFetch,
  type FetchAnswer,
  type FetchRequest,
} from '../../../wire/kafka/fetch.ts';
import {
  produceApi,
  readProduceAnswer,
  writeProduce,
  type ProduceAnswer,
  type ProduceRequest,
} from '../../../wire/kafka/produce.ts';
import type { KafkaLibrary } from '../library.ts';

/**
 * The two requests that carry records, with Teal's own reading and writing of them. The library's would not do for a mirror: it checks no checksum, cuts off timestamps of one
 * batch that lie 2³¹ ms apart, and takes every batch apart.
 */
export interface RecordApis {
  readonly fetch: API<[FetchRequest], FetchAnswer>;
  readonly produce: API<[ProduceRequest], ProduceAnswer>;
}

export function recordApisOf(library: KafkaLibrary): RecordApis {
  const { createAPI, Writer } = library;
  const refuse = (errorCode: number): void => {
    if (errorCode !== 0) throw new library.ProtocolError(errorCode);
  };
  return {
    fetch: createAPI<[FetchRequest], FetchAnswer>(
      fetchApi.key,
      fetchApi.version,
      (request: FetchRequest) => Writer.create().append(writeFetch(request)),
      (_correlation, _key, _version, reader) => {
        const answer = readFetchAnswer(bytesOf(reader));
        refuse(answer.errorCode);
        return answer;
      },
    ),
    produce: createAPI<[ProduceRequest], ProduceAnswer>(
      produceApi.key,
      produceApi.version,
      (request: ProduceRequest) => {
        const writer = Writer.create();
        for (const piece of writeProduce(request)) writer.append(piece);
        return writer;
      },
      (_correlation, _key, _version, reader) => {
        const answer = readProduceAnswer(bytesOf(reader));
        refuse(answer.errorCode);
        return answer;
      },
    ),
  };
}

/** What is left of the answer, in one piece. */
function bytesOf(reader: Reader): Buffer {
  return reader.buffer.slice(reader.position, reader.length);
}
