import type { ErrorEntry } from './entry.ts';

export const carriersCodes = {
  'TEAL-CARRIERS-001': {
    summary: 'The worker of a flow does not run',
    happened: 'Nothing answers at the control socket of the worker that carries this flow.',
    doThis: 'Run `teal up`: it starts the worker, which goes on from its durable position.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-002': {
    summary: 'The worker of a flow could not be started',
    happened: 'The process ended before it answered, or did not answer in time.',
    doThis: 'Read the end of its log (in the facts), mend the cause and run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-003': {
    summary: 'The worker of a flow does not answer',
    happened: 'Its control socket takes connections, but an answer did not come in time or could not be read.',
    doThis:
      'Look at its log in the state folder. If it stays so, end the process whose pid is in the facts and run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-004': {
    summary: 'The configuration of a worker cannot be read',
    happened: 'The file that the controller wrote for the worker is missing or was changed by hand.',
    doThis: 'Run the command again; it writes the file anew.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-005': {
    summary: 'A flow cannot do this now',
    happened:
      'The worker has no session on the target at the moment: it connects, waits before another attempt, or has failed.',
    doThis: 'Ask again when `teal status` shows the flow running.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-006': {
    summary: 'A flow receives and does not apply yet',
    happened: 'The copy is not complete: what blue commits is kept in the spool on this machine until it is.',
    doThis: 'Nothing: `teal up` lets it apply when the copy is there.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-007': {
    summary: 'A flow was ended so that its source may drop its log',
    happened:
      'The source kept more log for this flow than it may (follow.walBudget, or its own max_slot_wal_keep_size): the target or the spool could not take changes as fast as they were made. The replication slot was dropped, so that the disk of the source is not in danger. Blue owns the data and is complete; what was copied to green is of no use any more.',
    doThis:
      'Run `teal abort`. Look why the flow was slow or stood still, give it a larger follow.walBudget or the source more disk, then run `teal up`: it copies again.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-CARRIERS-008': {
    summary: 'There is no way back to blue any more',
    happened:
      'Green owns the data, and a flow between the sides was ended because its source kept more log for it than it may (follow.walBudget, or its own max_slot_wal_keep_size). Clients go on undisturbed on green; blue does not get what is written there.',
    doThis:
      'Do not send clients to blue. Run `teal finalise` when green is to stay, or move green to a new system by a migration of its own.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-CARRIERS-009': {
    summary: 'Nobody knows where a flow begins',
    happened:
      'The source keeps no place for this flow, and the file in the state folder that has it is missing or cannot be read. Without it changes would be left out.',
    doThis:
      'Put the state folder back if it was moved or restored. Otherwise run `teal abort` and `teal up`: the copy is made anew, and the flow begins with it.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-010': {
    summary: 'A Kafka Connect cluster does not answer',
    happened:
      'No worker answered at the addresses of the file, or the cluster gave its tasks out anew for as long as Teal asked. Nothing was changed by the request that is named, or it may be repeated.',
    doThis: 'Look whether a worker runs at the address in the facts and can be reached from here; Teal asks again.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-011': {
    summary: 'Kafka Connect refuses the configuration of a connector',
    happened: 'The plugin of the connector, or the cluster itself, takes a setting for wrong. Nothing was deployed.',
    doThis:
      'Read which settings are named and why. As a rule a database cannot be reached from the workers, a plugin has another version, or the cluster forbids a setting (connector.client.config.override.policy).',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-012': {
    summary: 'Kafka Connect refuses a request',
    happened:
      'A worker answered with an error that does not pass by itself, or with something that is no answer of Kafka Connect.',
    doThis:
      'Read its words and the log of the worker; look whether the address is that of its REST API and the login is right.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-013': {
    summary: 'Kafka Connect lacks a connector or a plugin',
    happened:
      'The cluster does not know what was asked for: a connector was deleted by somebody else, or a plugin is not installed on its workers.',
    doThis: 'Install the plugin on every worker and restart them, or let `teal up` deploy the connector again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-014': {
    summary: 'A task of a connector has failed',
    happened:
      'Debezium or the JDBC sink met an error that it does not pass over. Its task stands still; nothing is left out, and it goes on from where it was. Teal starts it again a few times.',
    doThis:
      'Look at the trace of the task (`GET /connectors/NAME/status` on a worker; it may hold values of rows), mend its cause, and run `teal up`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-015': {
    summary: 'A flow by Kafka Connect cannot stand still at a position',
    happened:
      'Neither Debezium nor the sink stops at a place of the log, so nothing that needs this can be done: a repair, above all.',
    doThis:
      'Run `teal verify` without a repair: it looks at each row that differs again. To repair, change the row on blue (an UPDATE that sets a column to itself brings it anew).',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-040': {
    summary: 'A table has no place in a pipeline of Flink CDC',
    happened:
      'Flink CDC takes names of tables for patterns, writes each table into a topic that is called as the table is on green, and cuts tables into pieces by their primary keys. The table in the facts has no primary key, or a name with other characters than A-Z, a-z, 0-9, _ and -.',
    doThis: 'Leave the table out of the file for the export (tables.exclude), or give it a primary key.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-041': {
    summary: 'A pipeline of Flink CDC would hold no table',
    happened: 'The file selects no table of blue that holds rows. A pipeline without one is none.',
    doThis: 'Look at `tables` in the file, and at what the account of blue may see.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-042': {
    summary: 'Nobody says which Kafka a pipeline of Flink CDC writes into',
    happened: 'A pipeline needs a sink, and neither the command line nor the file names brokers.',
    doThis: 'Run it with `--kafka host:port`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-043': {
    summary: 'Flink CDC could not reach blue by the address of the file',
    happened: 'The address names no host (a socket of this machine, say) or no user; Flink runs elsewhere.',
    doThis: 'Give the export an address of blue with host and user, as Flink reaches it.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-044': {
    summary: 'An address or a table for `teal connectors` cannot be used',
    happened:
      'What was given is no address of Oracle, SQL Server, MySQL or MariaDB (or, for the target, of PostgreSQL), lacks host, user or database, names a variable that the environment does not have, or a table without its schema. Nothing was asked of the cluster.',
    doThis:
      'Read what is said beside the code. Addresses are oracle://user:password@host:1521/CDB?pdb=PDB, sqlserver://user:password@host:1433/database, mysql:// and mariadb://user:password@host:3306/database; special characters in them are written as %XX.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-050': {
    summary: 'A connector of MirrorMaker 2 goes on failing',
    happened:
      'A task of the connector failed again after Teal had started it again several times within ten minutes. It stands still; what it has copied is on green, and nothing is left out.',
    doThis:
      'Look at the trace of the task (`GET /connectors/NAME/status` on a worker; NAME is in the facts), mend its cause, and run `teal up`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-051': {
    summary: 'The connector that copies the records is gone',
    happened:
      'Kafka Connect does not know the source connector of MirrorMaker 2 any more: somebody has deleted it. Nothing is copied.',
    doThis: 'Run `teal up`: it is made again and goes on from where it was.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-052': {
    summary: 'MirrorMaker 2 cannot carry a topic',
    happened:
      'It never copies topics whose names begin with __ or a dot, or end with -internal or .internal, and takes heartbeats and *.heartbeats for its own. The topics in the facts are among those that the file selects.',
    doThis: 'Leave them out (`topics.exclude`), or let Teal carry: `carrier: embedded`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-CARRIERS-053': {
    summary: 'An answer of Cluster Linking cannot be read',
    happened: 'What was given as an answer of the REST API of Confluent Server has another form than version 3 of it.',
    doThis: 'Look at the answer: as a rule it is an error of the API, which says why, or the address is another one.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-CARRIERS-${number}`, ErrorEntry>;
