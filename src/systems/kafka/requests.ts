import type { KafkaLibrary } from './library.ts';

/** What Teal asks of brokers, each in the versions that take the same arguments, the newest first. Kafka 3.0 has the last of every row. */
export type Requests = ReturnType<typeof requestsOf>;

export function requestsOf(library: KafkaLibrary) {
  return {
    metadata: [library.metadataV12.api, library.metadataV9.api],
    apiVersions: [library.apiVersionsV4.api, library.apiVersionsV3.api],
    describeConfigs: [library.describeConfigsV4.api, library.describeConfigsV3.api],
    listOffsets: [library.listOffsetsV9.api, library.listOffsetsV7.api, library.listOffsetsV6.api],
    describeLogDirs: [library.describeLogDirsV4.api, library.describeLogDirsV2.api],
    describeAcls: [library.describeAclsV3.api, library.describeAclsV2.api],
    describeClientQuotas: [library.describeClientQuotasV1.api, library.describeClientQuotasV0.api],
    describeUserScramCredentials: [library.describeUserScramCredentialsV0.api],
    listGroups: [library.listGroupsV5.api, library.listGroupsV4.api],
    describeGroups: [library.describeGroupsV5.api],
    describeConsumerGroup: [library.consumerGroupDescribeV0.api],
    offsetFetch: [library.offsetFetchV9.api, library.offsetFetchV8.api, library.offsetFetchV7.api],
    listTransactions: [library.listTransactionsV1.api, library.listTransactionsV0.api],
    describeTransactions: [library.describeTransactionsV0.api],
    describeProducers: [library.describeProducersV0.api],
  } as const;
}
