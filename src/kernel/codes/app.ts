import type { ErrorEntry } from './entry.ts';

export const appCodes = {
  'TEAL-APP-001': {
    summary: 'Blockers stand in the way',
    happened:
      'Before the first change both systems are assessed, and something that would make the migration fail or lose data was found. Nothing was changed.',
    doThis: 'Run `teal assess`: it tells each blocker with the statement that mends it. Then run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-002': {
    summary: 'A process of the migration dies again and again',
    happened:
      'A flow, the proxy or the watch of the soak was found dead and started anew more than eight times within ten minutes, or as many recoveries of a cut have failed. The supervisor does not start it any more; everything else goes on. Behind a cut that is not ended clients may wait.',
    doThis:
      'Read the end of its log in the state folder (`carrier-forward/worker.log`, `carrier-reverse/worker.log`, `proxy/log`; of a recovery and of the watch `supervisor/log`), mend the cause and run `teal up`: it starts it, or ends the cut, and counts anew.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-003': {
    summary: 'The supervisor could not be started',
    happened:
      'The process that starts a flow or the proxy again when it dies has ended at once, or did not answer in time.',
    doThis: 'Read its log (`supervisor/log` in the state folder), mend the cause and run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-004': {
    summary: 'The migration has ended',
    happened: 'It was finalised: its flows are gone, so that nothing can be compared or accepted any more.',
    doThis: '`teal status` and `teal report` tell what was. For another migration give another name in the file.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-005': {
    summary: 'A cut that lost its controller could not be ended',
    happened:
      'The controller of a cut was killed before the end of it, and the recovery that the supervisor started has failed. The owner row decides as ever: the side that is live is the one it names. Clients may wait until the cut is taken back or finished. It is tried again with growing pauses.',
    doThis:
      'The cause is in the message (most often a side that does not answer) and in `supervisor/log` in the state folder. Mend it; `teal up` does the same at once.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-006': {
    summary: 'This pair of systems cannot be moved',
    happened:
      'Teal moves PostgreSQL to PostgreSQL, MySQL or MariaDB to PostgreSQL, and one server of MySQL or MariaDB to another. It does not move PostgreSQL to one of them. A cluster of Kafka is moved to another one of Kafka alone.',
    doThis: 'Look at `system` of both sides in the file. Nothing was begun, and nothing was changed on either side.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-007': {
    summary: 'The file says something else than it did when the migration began',
    happened:
      'Tables of green were made, and rows were copied, by the `mapping` and the `carrier` that the file had when the migration began, and blue was prepared for its `follow.method`. Another mapping would look for other tables, another method for changes where none are kept, another carrier for rows that it did not bring.',
    doThis:
      'Put the word that the error names back as it was, and look at `tables` too. For another one run `teal abort` with the file as it was, then `teal up`: the copy is made anew.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-008': {
    summary: 'These systems have no groups of readers',
    happened: '`--group` names consumer groups of Kafka, which are moved before the producers. Databases have none.',
    doThis: 'Leave `--group` away.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-020': {
    summary: 'No proxy runs whose clients could be recorded',
    happened:
      'What clients ask is recorded by the proxy of the migration file, and none answers on its control socket.',
    doThis: 'Start it with `teal proxy` or `teal up`, and point clients at it.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-021': {
    summary: 'The load is not put to a side that may be live',
    happened:
      '`teal replay` was to put recorded load to the side that owns the data, or the owner cannot be told because a side does not answer; or that side became live while it ran. What was asked until then only read.',
    doThis: 'Name the other side with --side, or a scratch copy with --to. `teal status` tells who is live.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-022': {
    summary: 'Recorded writes are not put to a database that is followed',
    happened:
      '`--writes` was given for a database with schema `teal`: a flow writes there. Rows that a replayed transaction locks would hold it up, even where the transaction is rolled back, and sequences and what triggers do elsewhere are not rolled back. Nothing was asked.',
    doThis: 'Restore a copy of green into a database of its own, and name it: `teal replay FILE --writes --to URL`.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-023': {
    summary: 'There is no such baseline',
    happened: 'No baseline of that name is kept in the state folder, it cannot be read, or the name is none.',
    doThis: 'Keep one first: `teal baseline FILE --keep NAME`. The state folder has them in `baselines/`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-030': {
    summary: 'A notification was given up',
    happened:
      'A webhook of `notify` in the file did not take what it was told: it could not be reached, or answered with an error, several times. The migration went on; the journal has what would have been told.',
    doThis:
      'The address (without its path) and the answer are in the message. Mend the URL, or ask whoever runs the service; the next notification is tried anew.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-031': {
    summary: 'Traces were given up',
    happened:
      'The collector that the variables of OpenTelemetry name did not take spans: it could not be reached, answered with an error several times, or is asked for in a protocol that Teal does not speak. The migration went on; the journal has all that the spans are made of.',
    doThis:
      'The address (without its path) and the answer are in the message. Teal sends OTLP as JSON over HTTP: name an endpoint that takes it (port 4318 of a collector), or unset OTEL_EXPORTER_OTLP_ENDPOINT.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-040': {
    summary: 'The journal of this migration is somewhere else',
    happened:
      'The state folder belongs to a migration whose journal is in PostgreSQL, and the command was given no address; or an address was given, and the folder has a journal in files, or in another database. A second journal would know nothing of what the first one says. Nothing was begun.',
    doThis:
      'Give every command the same `--journal`, or set TEAL_JOURNAL once for all of them; or leave it away where the journal is in files. A migration keeps the journal that it began with.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-041': {
    summary: 'Clients pass through the proxy of another machine',
    happened:
      "The journal says that this migration is carried from another state folder, and its clients pass through Teal's proxy there. A cut from here could not hold them: their writes would be refused by the side that is left. Nothing was begun.",
    doThis:
      'Run the command on that machine, which is in the message. Where the machine is gone for good, point clients at the proxy that is started here and run `teal up --take-proxy`. Other routers (PgBouncer, HAProxy, DNS …) can be reached from every machine.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-042': {
    summary: 'The end of the migration was begun',
    happened:
      '`teal finalise` was begun and did not come to its end: it may have taken flows and triggers away already, so that nothing can be compared, accepted or rolled back any more. Green is live and goes on.',
    doThis: 'Run `teal finalise` again: it goes on from where it stopped. So does a `teal up --standby`.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-043': {
    summary: 'The migration was undone, and who only waits begins none',
    happened:
      '`teal up --standby` goes on with what was begun. By the journal the last thing was `teal abort`, and it has ended: blue is live, and nothing of the migration is left.',
    doThis: 'Run `teal up` to begin anew; then a standby can wait for its controller.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-050': {
    summary: 'Nobody watches both systems',
    happened:
      'What is out of the usual was asked, and nobody looks: the file has no `anomalies`, the flows have not begun or have ended, or the process that looks has ended or hangs. What was seen last is too old to rely on; nothing is said of now.',
    doThis:
      'Put `anomalies: {}` into the file and run `teal up`; if it is there, `teal status` tells whether the process runs, and its log is in the supervisor folder of the state folder.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-060': {
    summary: 'Nothing can be cut topic by topic here',
    happened:
      '`--topic` names topics of Kafka whose producers are moved before the others. Databases have none; and where MirrorMaker carries until the first cut (`carrier: connect`) it carries all topics or none.',
    doThis: 'Leave `--topic` away: all that is on blue is cut at once. Nothing was begun.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-061': {
    summary: 'There is no topic of that name in the migration',
    happened: 'A name or a pattern was given after `--topic` that no topic of the migration has.',
    doThis:
      'The facts list the topics that are on blue. `*` stands for any characters; a shell expands it unless it stands in quotes. Nothing was begun.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-062': {
    summary: 'There are more topics than a program or a service can be told of',
    happened:
      'Where some topics are cut before the others, `traffic.router` is told by name which topics it is about, in TEAL_TOPICS or in its body. These names are longer together than 100,000 bytes, and the environment of a program takes little more.',
    doThis:
      'Cut fewer of them at once: `teal cutover --topic` as often as needed, also for the last ones. Nothing was begun.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-APP-070': {
    summary: 'The capture is of another system',
    happened:
      '`teal replay` was to put what clients of PostgreSQL asked to MySQL or MariaDB, or the other way round: their statements mean nothing there. Nothing was asked.',
    doThis: 'Record at the proxy of this migration (`teal capture`), and name with --to a server of the same system.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-APP-${number}`, ErrorEntry>;
