/** Names in a worker's environment. Addresses hold passwords: they are in no file and on no command line. */
export const sourceUrlVariable = 'TEAL_SOURCE_URL';
export const targetUrlVariable = 'TEAL_TARGET_URL';
/** As the file has it, for the log: on the servers its dashes are others. */
export const migrationVariable = 'TEAL_MIGRATION';
/** `ConnectSpec` as JSON, where MirrorMaker carries blue to green. */
export const connectVariable = 'TEAL_CONNECT';
