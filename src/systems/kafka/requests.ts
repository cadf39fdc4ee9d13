import type { KafkaLibrary } from './library.ts';

/** What Teal asks of brokers, each in the versions that take the same arguments, the newest first. Kafka 3.0 has the last of every row. */
const versions = {
  metadata: ['metadataV12', 'metadataV9'],
  apiVersions: ['apiVersionsV4', 'apiVersionsV3'],
  describeConfigs: ['describeConfigsV4', 'describeConfigsV3'],
  listOffsets: ['listOffsetsV9', 'listOffsetsV7', 'listOffsetsV6'],
  describeLogDirs: ['describeLogDirsV4', 'describeLogDirsV2'],
  describeAcls: ['describeAclsV3', 'describeAclsV2'],
  describeClientQuotas: ['describeClientQuotasV1', 'describeClientQuotasV0'],
  describeUserScramCredentials: ['describeUserScramCredentialsV0'],
  listGroups: ['listGroupsV5', 'listGroupsV4'],
  describeGroups: ['describeGroupsV5'],
  describeConsumerGroup: ['consumerGroupDescribeV0'],
  offsetFetch: ['offsetFetchV9', 'offsetFetchV8', 'offsetFetchV7'],
  listTransactions: ['listTransactionsV1', 'listTransactionsV0'],
  describeTransactions: ['describeTransactionsV0'],
  describeProducers: ['describeProducersV0'],
} as const;

type Versions = typeof versions;
type ApiOf<Name> = Name extends keyof KafkaLibrary
  ? KafkaLibrary[Name] extends { readonly api: infer Api }
    ? Api
    : never
  : never;

/** By the names of the library alone: what its modules call their answers is not exported. */
export type Requests = {
  readonly [Kind in keyof Versions]: { readonly [At in keyof Versions[Kind]]: ApiOf<Versions[Kind][At]> };
};

export function requestsOf(library: KafkaLibrary): Requests {
  const apis = Object.entries(versions).map(([kind, names]) => [kind, names.map((name) => library[name].api)]);
  return Object.fromEntries(apis);
}
