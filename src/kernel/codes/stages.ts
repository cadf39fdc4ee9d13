import type { ErrorEntry } from './entry.ts';

export const stagesCodes = {
  'TEAL-STAGES-100': {
    summary: 'Transactions did not end in time for the cut',
    happened:
      'Clients were asked to wait at a boundary, but some transactions that were already running did not end within the drain limit. The cut was given up: nobody was cancelled, what waited goes on where it was.',
    doThis:
      'Find the long transaction (`teal status` names the clients), or give it more time with `cutover.drain`; then cut over again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-101': {
    summary: 'Sessions hold state that cannot move',
    happened:
      'Some sessions hold a temporary table, a WITH HOLD cursor or a session advisory lock, which live in one server only; or the other side refuses their login. The cut was given up: nothing was closed, what waited goes on where it was.',
    doThis:
      'Let these clients drop that state or disconnect (for a refused login: give the role the same stored password on both sides), or set `traffic.pinned: close`; then cut over again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-102': {
    summary: 'Clients would have waited too long',
    happened:
      'The cut was not decided within `cutover.maxPause`. It was given up: the fence is down again and what waited goes on where it was.',
    doThis: 'Look which step took long (`teal status`), mend it or raise `cutover.maxPause`; then cut over again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-103': {
    summary: 'Somebody else has written on the side that is to become live',
    happened:
      'Transactions that Teal did not make have changed managed tables on the side that takes no writes yet. The cut was given up before anything moved.',
    doThis:
      'Find the writer (a job, a person, a second replication) and stop it, then compare and repair with `teal verify --fix`, then cut over again. A log of Kafka cannot be repaired: `teal abort` and `teal up` mirror it anew while blue is live; where green is live, `teal finalise` ends the migration there.',
    retry: 'operator',
    dataMayDiffer: 'yes',
  },
  'TEAL-STAGES-104': {
    summary: 'The way back is not ready',
    happened:
      'The flow that would carry the writes back after the cut does not run. The cut was given up before anything moved: without it there is no rollback.',
    doThis: 'Look at `teal status` for what the flow waits for, mend it, then cut over again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-105': {
    summary: 'A cut was interrupted before its decision',
    happened:
      'The controller ended in the middle of a cut, and no owner row says that ownership moved. Everything of it was taken back; clients go on where they were.',
    doThis: 'Cut over again when you are ready.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-106': {
    summary: 'Journal and systems tell two stories about a cut',
    happened:
      'The owner rows of both sides and the journal do not fit together. Nothing was touched: what is held stays held, and both fences stay as they are.',
    doThis:
      'Stop every other controller of this migration. Compare `SELECT * FROM teal.owner` and `teal.cut` on both sides with `teal status`, and decide with the facts which side owns the data.',
    retry: 'never',
    dataMayDiffer: 'unknown',
  },
  'TEAL-STAGES-107': {
    summary: 'The cut must not begin now',
    happened:
      'Before clients are asked to wait, both sides, both flows and the router are looked at. One or more of them are not ready; nothing was begun.',
    doThis: 'Mend what is listed (`teal status` shows each part), then cut over again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-108': {
    summary: 'The schemas of both sides are not the same',
    happened:
      'Before clients are asked to wait both schemas are compared. One side has tables, columns, indexes, constraints, views or functions that the other has not or has otherwise, or a table was created after the copy began, so that no flow carries its rows. Nothing was begun.',
    doThis:
      'Make the same change on the other side (each difference is listed), or drop what came too late. A table whose rows do not move: drop it, or leave it behind with `tables.exclude`, or `teal abort` and begin anew. Differences that are meant to be can be accepted: `teal cutover --accept-schema <digest>`, with the digest of the list. Then cut over again. docs/guide/ddl.md tells more.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-109': {
    summary: 'A side does not answer in a cut',
    happened:
      'Half a minute passed without an answer of a side, or of the network to it. The message says to what. Before clients are asked to wait nothing was begun. Later the cut is left as it is: whether it was decided cannot be known, or the losing side cannot be opened again, before that side answers, and clients that wait go on waiting.',
    doThis:
      'Bring the side, or the network between it and Teal, back. Then `teal up`: a cut that was decided is finished, one that was not is taken back.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-110': {
    summary: 'The cut is made, and there is no way back',
    happened:
      'The side that was to gain owns the data: its owner row was written, and clients go on there undisturbed. Then the flow that would carry its writes to the other side was found to have ended for good (its slot is gone, or its source failed over); the message has its code. The other side lacks every write since the cut.',
    doThis:
      'Do not send clients to the other side. When green is live, run `teal finalise` (with `--early` before the soak is over) and move back, if you must, by a migration of its own; when blue is live, run `teal abort`, then `teal up` copies again.',
    retry: 'never',
    dataMayDiffer: 'yes',
  },
  'TEAL-STAGES-111': {
    summary: 'The side that was closed takes writes again',
    happened:
      'A cut had closed every table of the live side, and before the decision one of them was open: somebody disabled or dropped a trigger of Teal there. The cut was given up before anything moved: what is written there now comes after the token.',
    doThis: 'Find who did it (a load of data, a change of the schema) and let it end, then cut over again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-120': {
    summary: 'A flow does not run',
    happened:
      'The worker of the flow says that it cannot run, or has not moved for a long time. What it has not applied is kept.',
    doThis: "Mend what the facts say (the flow's own code is among them), then run `teal up` again.",
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-121': {
    summary: 'The schema of blue was changed before its copy began',
    happened:
      'The tables of green were made from the schema of blue, and then blue was changed before the snapshot of the copy was taken. No row was copied yet.',
    doThis: 'Make the same change on green (each difference is listed) and run `teal up` again; or `teal abort`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-130': {
    summary: 'A group of readers did not do in time what its move waits for',
    happened:
      'The readers of a group had to leave one cluster, or to appear on the other and read on there, and within `groups.patience` they did not. Groups that were moved before stay where they are now, this one belongs to the side that it reads from, and producers were not touched.',
    doThis:
      'The message says on which side how many readers there are, and how far behind. End or start them, or mend the program under `groups.stop` or `groups.start`, and run the same command again: it goes on with this group. To leave it for later move others by name: `teal cutover --group NAME`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-131': {
    summary: 'The mirror did not come to where a group stands',
    happened:
      'A group has read further than the mirror has carried, and the mirror did not come there in time. The group has no place on the other side yet; its readers are ended.',
    doThis:
      'Look at `teal status` for what holds up the mirror, mend it and run the same command again. Or start the readers where they were: nothing of it was changed.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-132': {
    summary: 'There is no group of that name that could be moved',
    happened:
      'A group was named that has neither a place in the topics of the migration nor a move that is open, or that the file leaves out.',
    doThis: 'The facts list the groups that could be moved. Look at `groups` in the file too. Nothing was begun.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-133': {
    summary: 'Topics of green have another number of partitions than those of blue',
    happened:
      'A mirror keeps each record in the partition that it is in, so that the order of a key stays what it was. A topic that is on green already is divided otherwise. Nothing was copied.',
    doThis:
      'Delete the topic on green, or give it the partitions of blue (`kafka-topics.sh --alter --partitions`), and run `teal up` again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-150': {
    summary: 'Green answers reads of clients otherwise than blue',
    happened:
      'Shadow reads found more real differences than `shadow.maxDifferences`: blue gave the same answer before and after, green had applied all of it, and answered something else. Blue is live, and clients noticed nothing.',
    doThis:
      '`teal status` tells which statements, what differed and how often. Mend green (collation, extension, setting, missing index or function), or allow as many with `shadow.maxDifferences`; then run `teal up` again: the watch begins anew.',
    retry: 'operator',
    dataMayDiffer: 'unknown',
  },
  'TEAL-STAGES-151': {
    summary: 'Green refuses what clients write on blue',
    happened:
      'Shadow writes found more statements than `shadow.maxDifferences` that blue had accepted and green refused twice, the second time after it had applied all of it, for reasons that no row explains: a syntax, a name, a right, a type, a value that does not fit. They were rolled back on green. Blue is live, and clients noticed nothing.',
    doThis:
      '`teal status` tells which statements, and the SQLSTATE of green. Mend green (extension, function, grant, type, setting), or allow as many with `shadow.maxDifferences`; then run `teal up` again: the watch begins anew.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-160': {
    summary: 'Green answers reads of clients worse than blue',
    happened:
      'While green answered a share of what clients read it was slower than blue beyond doubt, or left more reads to blue (an error that blue does not have, no answer in its time) than `canary.maxErrors`. Every read goes to blue again; clients whose read failed on green had their answer from blue.',
    doThis:
      'The message names the statement. Mend green (a missing index, ANALYZE, a setting, a function), then run `teal up` again: the step begins anew. `teal status` tells all statements.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-161': {
    summary: 'A question of the canary was answered with no',
    happened:
      'While green answered a share of what clients read, one of `canary.revertOn` was answered with no as often in a row as `canary.failures` says. Every read goes to blue again.',
    doThis:
      'The message has the question and its last answer. When it is answered with yes, run `teal up` again: the step begins anew.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-162': {
    summary: 'The canary was ended by a person',
    happened:
      '`teal canary abort` was run. Every read goes to blue again, tenants that were on green are home with all that they wrote, and nothing else was undone.',
    doThis: 'Run `teal up` when it may go on: the step begins anew.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-163': {
    summary: 'There is no canary to say that to',
    happened:
      '`teal canary` speaks to the stage of that name while it runs. It has not begun, it is over, or the migration file has no `canary`.',
    doThis: '`teal status` tells which stage runs.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-180': {
    summary: 'Tenants cannot be moved to green now',
    happened:
      'Before their clients were asked to wait, or while they did, a flow was not as a move needs it: it does not run, its lag is not known, or somebody else has written on green. Their clients are on blue.',
    doThis:
      '`teal status` tells of both flows. Mend what the message names and run `teal up` again: the canary begins anew.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-181': {
    summary: 'Sessions of the tenants could not move',
    happened:
      'A session held state that cannot be carried (temporary table, advisory lock, …), or a transaction did not end within `cutover.drain`. Nothing was closed, and all of them went on, on blue.',
    doThis: 'The message names sessions and reasons. End them, or wait until they end, and run `teal up` again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-182': {
    summary: 'Moving the tenants took longer than their clients may wait',
    happened:
      'What they had written on blue was not on green within `cutover.maxPause`. Green had taken none of their rows; they are on blue again.',
    doThis: 'See why the flow to green lags (`teal status`), and run `teal up` again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-183': {
    summary: 'A flow stopped while tenants were on green',
    happened:
      'One of both flows was not running for longer than it may be, so the sides drifted apart. If the flow back still runs, the tenants were brought home with all that they wrote; else they are on green, which has their rows, until it does.',
    doThis:
      '`teal status` tells of both flows. Mend the one that stands and run `teal up` again: it brings the tenants home first.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-184': {
    summary: 'Blue comes near the numbers that green gives out',
    happened:
      'While tenants were on green a sequence of blue had given out three quarters of the numbers before those of green. The tenants were brought home before both sides could give the same.',
    doThis: 'Hold the canary for a shorter time (`canary.writes.hold`), or give the sequence a wider type.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-185': {
    summary: 'A question was answered with no while tenants were on green',
    happened:
      'One of `canary.revertOn` was answered with no as often in a row as `canary.failures` says. The tenants were brought home with all that they wrote.',
    doThis:
      'The message has the question and its last answer. When it is answered with yes, run `teal up` again: the canary begins anew.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-STAGES-186': {
    summary: 'Tenants are on green',
    happened:
      'While some tenants are written on green and all others on blue neither side has all of the newest rows, so they are not compared, and nothing is repaired. Nothing was changed.',
    doThis:
      'Wait until the canary is over, or end it (`teal canary abort`, then `teal up` where none runs), and run the command again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-STAGES-${number}`, ErrorEntry>;
