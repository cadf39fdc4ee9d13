import type { ErrorEntry } from './entry.ts';

export const trafficCodes = {
  'TEAL-TRAFFIC-001': {
    summary: 'The proxy refuses to point at a side that does not own the data',
    happened:
      'The router was told to send clients to one side, but the newest owner row on that side names another owner or epoch.',
    doThis:
      'Run `teal status`; it resumes or undoes the cut by what the databases say. Do not write owner rows by hand.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-002': {
    summary: 'A database cannot be reached from the proxy',
    happened: 'A connection to a database was refused, broke, or was not answered in its time.',
    doThis: 'Check address, port, TLS mode and firewall from the machine that the proxy runs on; then try again.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-003': {
    summary: 'A database refused a login',
    happened: 'The server answered a login, or a question of the proxy, with an error of its own (code in the facts).',
    doThis:
      'Look up the SQLSTATE. A role must exist on both sides with the same stored password, and the administrator that Teal uses must be able to read pg_authid.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-004': {
    summary: 'Some clients could not be moved in time',
    happened:
      'The proxy points at the new owner, but for some sessions no connection to it could be made yet. They wait; the proxy goes on trying.',
    doThis: 'Look at max_connections and the roles of the new owner. The step is repeated by itself.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-005': {
    summary: 'The proxy does not answer',
    happened: 'The control socket of the proxy could not be opened, or a request on it was not answered in its time.',
    doThis:
      'Run the command again: it starts the proxy if it is not there. Its log is beside its configuration, under the state folder.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-006': {
    summary: 'The configuration of the proxy is wrong',
    happened: 'A setting of the proxy is missing or cannot be used.',
    doThis: 'Mend the setting that is named and start the proxy again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-008': {
    summary: 'A connection to a database was lost',
    happened: 'The server closed a connection, or it broke, while an answer was awaited.',
    doThis: 'Nothing, if it happens once. Otherwise look into the log of the database.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-TRAFFIC-${number}`, ErrorEntry>;
