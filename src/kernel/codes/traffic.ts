import type { ErrorEntry } from './entry.ts';

export const trafficCodes = {
  'TEAL-TRAFFIC-001': {
    summary: 'A router refuses to point at a side that does not own the data',
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
      'Look up the SQLSTATE, or the number. A role must exist on both sides with the same stored password, and the administrator that Teal uses must be able to read pg_authid (mysql.user).',
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
  'TEAL-TRAFFIC-009': {
    summary: 'The proxy that answers is not of this migration',
    happened:
      'On the control socket of this migration a proxy answers that was started for another migration or for other databases.',
    doThis:
      'Give each migration a state folder of its own (`stateDir`). If the addresses in the file were changed, put them back, or end the proxy whose pid is named (`kill`, or stop `teal proxy`): its clients are disconnected, and the next command starts the right one.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-010': {
    summary: 'The proxy runs with another configuration',
    happened:
      'The proxy of this migration was started from a migration file that said something else about traffic, or by a version of Teal that this one cannot talk to.',
    doThis:
      'Put the settings that are named back into the file; or, at a moment when clients may be disconnected, end the proxy whose pid is named (`kill`, or restart `teal proxy`): the next command starts it with the new ones.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-011': {
    summary: 'The proxy cannot listen at its address',
    happened:
      'The address and port of `traffic.listen` are taken by another program, are not of this machine, or may not be used.',
    doThis: 'See who listens there (`ss -ltnp`), or choose another `traffic.listen`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-012': {
    summary: 'The proxy may not read the stored passwords',
    happened:
      'Clients prove their passwords to the proxy by the verifiers in pg_authid (MySQL and MariaDB: mysql.user), which the role in the address of that side may not read. Managed services of PostgreSQL allow it to nobody.',
    doThis:
      'GRANT SELECT ON pg_catalog.pg_authid (mysql.user) to the role; where PostgreSQL does not let you have that, name a file of SCRAM verifiers with `traffic.authFile` (docs/guide/proxy.md).',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-013': {
    summary: 'The proxy of this migration runs already',
    happened: '`teal proxy` found one that answers on the control socket of this migration.',
    doThis:
      'Nothing, if it is the one you want: `teal proxy --status` tells. Otherwise end it first: the pid is named.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-014': {
    summary: 'The admin console of PgBouncer cannot be used',
    happened:
      'The console at `traffic.admin` could not be reached, refused the login, or answered a command with an error or not at all.',
    doThis:
      'See that the address leads to database `pgbouncer`, that its user is one of `admin_users`, and that PgBouncer runs. While it is paused by a cut its clients wait: run the command again, or any other of this migration.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-015': {
    summary: 'PgBouncer does not know the database',
    happened: 'PgBouncer has no line in [databases] for the name in `traffic.database`; a line for * is not enough.',
    doThis: 'Write the line, RELOAD, and run the command again; or mend `traffic.database`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-016': {
    summary: 'The configuration file of a router cannot be changed',
    happened:
      'The file in `traffic.config` cannot be read or replaced, or does not have what Teal changes in it: of PgBouncer exactly one line for the database in its [databases], of nginx exactly one `default …;` and one `listen` of those in `traffic.status`, of Envoy a `cluster` that is one of the two sides.',
    doThis:
      'Name the file that has the line itself (what it includes is not looked into). Teal makes a copy beside it and renames that: its folder must be writable, and the owner of the file kept. Where that cannot be, give PgBouncer a program instead of a path; docs/guide/routers.md shows each file.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-017': {
    summary: 'PgBouncer still points elsewhere',
    happened:
      'The line in its file was changed and PgBouncer was told to read it again, but its database does not lead where the line says.',
    doThis:
      'Look into the log of PgBouncer: it refuses a file with a mistake anywhere in it. Mend the file; the cut is finished by the supervisor, or by the next command.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-018': {
    summary: 'HAProxy cannot be told where clients go',
    happened:
      'The runtime API at `traffic.socket` could not be reached, may not be told anything (its level is not admin), knows no such backend or server, or the server that clients are to go to takes no connections.',
    doThis:
      'Look at `show servers state` on the socket, and at the `stats socket` line of its file. Once a cut is decided HAProxy is told again until it leads to the new side.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-019': {
    summary: 'A program of `traffic` failed',
    happened:
      'A program that the migration file names in `traffic` could not be started, did not end in its time (it was killed then), did not end with 0, or answered something else than was asked.',
    doThis:
      'Run it by hand with the side as its last argument, and mend it: the message has the end of what it said. Once a cut is decided it is run again until it succeeds.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-020': {
    summary: 'The service at `traffic.url` failed',
    happened:
      'The service that points clients could not be reached in its time, refused, or answered something else than was asked.',
    doThis:
      'Look into its log for the idempotency key (migration, action, and what it was about). Once a cut is decided it is asked again, with the same key, until it succeeds.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-021': {
    summary: 'The processes of the proxy died too often',
    happened:
      'With `traffic.processes` one process directs those that serve clients, and starts again what dies. Each of them died, or could not start, more often than is plausible; the proxy has ended.',
    doThis:
      'Look at its log for why: a lack of memory, a database that cannot be reached. The supervisor starts the proxy again; one of `teal proxy` is started again by whoever runs it.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-022': {
    summary: 'The reads of these clients cannot be compared',
    happened:
      'Shadow reads were asked of a proxy that does not compare them: one of an older Teal, of MySQL or MariaDB.',
    doThis: 'Start the proxy again with this Teal, or take `shadow` out of the migration file.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-023': {
    summary: 'Workers of nginx do not lead where they were told',
    happened:
      'Nobody answered at `traffic.status`, or there were still workers that led elsewhere `traffic.timeout` after nginx was to read its files anew.',
    doThis:
      'Look into the error log of nginx, and whether `traffic.reload` reaches the nginx that answers at `traffic.status`. Once a cut is decided nginx is told again until it leads to the new side.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-024': {
    summary: 'Envoy does not lead where it was told',
    happened:
      'The admin of Envoy at `traffic.status` could not be reached or answered something else than was asked, or the active listeners still led elsewhere `traffic.timeout` after their file was moved into place.',
    doThis:
      'Look into the log of Envoy: it says why it does not take a file. See that `lds_config` names `traffic.config`. Once a cut is decided the file is written again until Envoy leads to the new side.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-025': {
    summary: 'The server of DNS does not lead clients where it was told',
    happened:
      'The server at `traffic.server` could not be reached in its time, has no authority over the name, refused the update, or the name leads to neither side.',
    doThis:
      'Ask it yourself (`dig @server name`), and look into its log: it says why it refuses an update. Name the primary of the zone. Once a cut is decided the update is sent again until the name leads to the new side.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-035': {
    summary: 'The proxy cannot write the capture',
    happened:
      'The process of the proxy that was told to record what clients ask could not open the file, or the file may be read by others than its user. Nothing was recorded, and no client noticed.',
    doThis:
      'Name a file with --out in a folder that the proxy sees too: it may run in a container, or with a temporary folder of its own (systemd, PrivateTmp).',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-036': {
    summary: 'A capture cannot be read',
    happened:
      'The file is none of `teal capture`, was written by another version, or has a line in its middle that is no record. Nothing was replayed. (A capture that merely ends early is read up to there, and that is told.)',
    doThis: 'Look at the line that is named; record anew if the file was changed or damaged.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-037': {
    summary: 'What these clients ask cannot be recorded',
    happened: 'A capture was asked of a proxy of a version that records only what clients of PostgreSQL ask.',
    doThis: 'End that proxy, and start it again with the `teal` that is installed now (`teal proxy` or `teal up`).',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-038': {
    summary: 'A capture runs already',
    happened: 'The proxy records what clients ask into one file at a time, and was told to begin another.',
    doThis: 'Wait until it ends, or end it: Ctrl-C where `teal capture` runs, or `teal capture --stop`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-060': {
    summary: 'The API server of Kubernetes failed',
    happened:
      'It could not be reached in `traffic.timeout`, refused what was asked, or answered something else. The message has what it said.',
    doThis:
      'Ask the same by kubectl, with the same kubeconfig and context. Where it says `forbidden`, give the user or the service account the rights that docs/guide/routers.md lists. Once a cut is decided it is asked again until it succeeds.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-061': {
    summary: 'An object in Kubernetes does not lead clients where it was told',
    happened:
      'It leads to neither side, somebody else goes on writing it, or no pod is ready where it leads. What others wrote was not overwritten.',
    doThis:
      'Look at it (`kubectl get service,endpointslice,virtualservice -o yaml`: `managedFields` says who writes it), and have it lead to the side that the message, or `teal status`, says is live. Once a cut is decided it is told again until it leads to the new side.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-062': {
    summary: 'The kubeconfig cannot be used',
    happened:
      'The file is not there, is no kubeconfig, has no such context, or the program that it names to tell who one is has failed. Nothing of its text is told here: it may be what lets one in.',
    doThis:
      'Try `kubectl --kubeconfig … --context … get services` as the user that runs `teal`. Name file and context by `traffic.kubeconfig` and `traffic.context`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-065': {
    summary: 'What flagd tells is not what its file says',
    happened:
      'It could not be reached at `traffic.status`, has no such flag, or still told another variant `traffic.timeout` after the file was moved into place.',
    doThis:
      'Look into its log: it says why it does not take a file. See that it reads `traffic.config`, and that `traffic.status` is its OFREP port (8016 by default). Once a cut is decided the file is written again until flagd tells the new side.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-070': {
    summary: 'Writes cannot be tried in the database that `shadow.scratch` names',
    happened:
      "Shadow writes are committed there, and it has schema `teal`: it is a side of a migration, where they would be taken for clients' rows, or a copy of green that still has its fence, which refuses them. Nothing was written.",
    doThis:
      'Name another database of the server of green: a copy of it (`pg_dump` and `pg_restore`, or a restored backup), in which `DROP SCHEMA teal CASCADE` was run. Look twice that it is the copy.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-080': {
    summary: 'It cannot be told where tenants are to go on',
    happened:
      'Blue and green both refuse the rows of the tenants (a move was left in the middle), or one of them cannot be reached. Sessions of these tenants wait; all others are not touched.',
    doThis:
      'The supervisor ends the move that was begun by bringing the tenants home; `teal up` does the same. Until then the proxy asks both sides once a second by itself.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-081': {
    summary: 'This proxy cannot move some of its clients',
    happened: 'Sessions of tenants are moved by a proxy of one process, between two PostgreSQL.',
    doThis: 'Take `canary.writes` out of the file, or set `traffic.processes: 1` and start the proxy again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-090': {
    summary: 'Writes of MySQL and MariaDB are tried in a copy alone',
    happened:
      'Shadow writes were asked of a proxy of MySQL or MariaDB without `shadow.scratch`. On green itself nothing there keeps what is tried from being committed. Nothing was begun.',
    doThis:
      'Name a database of the server of green in `shadow.scratch`, with a copy of the tables, or take `shadow.writes` out of the migration file; `shadow.reads` works.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-120': {
    summary: 'A Rollout does not lead clients to the pods of the side',
    happened:
      'Argo Rollouts has not made the revision of that side the active and stable one in `traffic.timeout`: not all of its pods are available, somebody has changed or aborted the Rollout, or its controller does not run. The message has what it says of itself.',
    doThis:
      'Look at it (`kubectl argo rollouts get rollout …`), and have the pods of the side that the message names come up. Once a cut is decided it is told again until clients are led there; until then their writes are refused.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-140': {
    summary: 'Writes cannot be tried in the database that `shadow.scratch` names',
    happened:
      'Shadow writes are committed there. It is not on the server of green, or it is a database of the server itself, or blue has one of that name, so it may be a side. Nothing was written.',
    doThis:
      'Make a database on the server of green, with a name that blue has none of, load a copy of the tables into it (`mysqldump --databases` names the database: leave that out; with `sql_log_bin = 0`), and name it in `shadow.scratch`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-141': {
    summary: 'The copy in which writes are to be tried leads out of itself',
    happened:
      'A trigger, view or function of the database that `shadow.scratch` names has the name of another database in its text, or calls a loaded function; or a foreign key or an engine of a table leads elsewhere. What is tried there could write to green. Nothing was written.',
    doThis: 'The message names them. Drop them in the copy, or make them anew without the name of a database.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-142': {
    summary: 'It is not known of which database `shadow.scratch` is a copy',
    happened:
      'Statements of clients are tried there whose default database is the one that it is a copy of: the only one of blue that has all of its tables. None has, or several do, or it has no tables. Nothing was written.',
    doThis: 'See that it has tables of one database of blue, and no others.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-TRAFFIC-143': {
    summary: 'Teal may not make the account that tries writes',
    happened:
      'Writes are tried by an account that may write in the copy and nowhere else, and that passes `read_only`, by which green is closed, and writes to no binlog. Teal makes it when the watch begins and drops it when it ends. It was refused. Nothing was written.',
    doThis:
      'Give the account of Teal on green `CREATE USER`, and with `GRANT OPTION`: `SELECT, INSERT, UPDATE, DELETE, EXECUTE, TRIGGER` on the copy, and `CONNECTION_ADMIN, SESSION_VARIABLES_ADMIN` (MariaDB: `READ_ONLY ADMIN, BINLOG ADMIN`) on `*.*`. The cause has what the server said.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-TRAFFIC-${number}`, ErrorEntry>;
