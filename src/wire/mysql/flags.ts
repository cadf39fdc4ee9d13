/** Capabilities that client and server agree on (MySQL manual, "Capabilities Flags"). MariaDB leaves `longPassword` out of its greeting, and calls it CLIENT_MYSQL. */
export const capability = Object.freeze({
  longPassword: 1,
  foundRows: 1 << 1,
  longFlag: 1 << 2,
  connectWithDatabase: 1 << 3,
  compress: 1 << 5,
  localFiles: 1 << 7,
  protocol41: 1 << 9,
  interactive: 1 << 10,
  tls: 1 << 11,
  transactions: 1 << 13,
  secureConnection: 1 << 15,
  multiStatements: 1 << 16,
  multiResults: 1 << 17,
  preparedMultiResults: 1 << 18,
  pluginAuth: 1 << 19,
  connectAttributes: 1 << 20,
  pluginAuthLengthEncoded: 1 << 21,
  expiredPasswords: 1 << 22,
  sessionTrack: 1 << 23,
  deprecateEof: 1 << 24,
  optionalResultsetMetadata: 1 << 25,
  zstdCompression: 1 << 26,
  queryAttributes: 1 << 27,
  multiFactor: 1 << 28,
});

/** MariaDB's own capabilities, in a word of their own (MariaDB, "Initial Handshake Packet"). */
export const mariadbCapability = Object.freeze({
  progress: 1,
  comMulti: 1 << 1,
  bulkOperations: 1 << 2,
  extendedMetadata: 1 << 3,
  cacheMetadata: 1 << 4,
  bulkUnitResults: 1 << 5,
});

/** What both sides have agreed on. */
export interface Capabilities {
  readonly base: number;
  readonly mariadb: number;
}

export function has(capabilities: Capabilities, flag: number): boolean {
  return (capabilities.base & flag) !== 0;
}

/** Of OK and EOF (MySQL manual, "SERVER_STATUS_flags_enum"). */
export const serverStatus = Object.freeze({
  inTransaction: 0x0001,
  autocommit: 0x0002,
  moreResults: 0x0008,
  noGoodIndexUsed: 0x0010,
  noIndexUsed: 0x0020,
  cursorExists: 0x0040,
  lastRowSent: 0x0080,
  databaseDropped: 0x0100,
  noBackslashEscapes: 0x0200,
  metadataChanged: 0x0400,
  outParameters: 0x1000,
  inReadOnlyTransaction: 0x2000,
  sessionStateChanged: 0x4000,
});
