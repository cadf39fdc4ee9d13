import {
  bothSides,
  countOf,
  finding,
  look,
  readsLog,
  sqlName,
  sqlText,
  type Finding,
  type Situation,
} from '../finding.ts';

/** Open for longer than this, a transaction is worth a word. */
const longTransactionSeconds = 60;

/** What goes on in blue beside its clients' queries, and what else reads or feeds it. */
export function checkActivity(situation: Situation): readonly Finding[] {
  const { facts } = situation.blue;
  return [
    ...look(facts.preparedTransactions, 'blue', 'prepared transactions', (prepared) =>
      prepared.map(({ gid, owner, ageSeconds }) =>
        finding('ASSESS-PREPARED', {
          side: 'blue',
          object: gid,
          what: `Transaction ${gid} of ${owner} has been prepared for ${ageSeconds} s.`,
          why: readsLog(situation, 'blue')
            ? 'A slot cannot be created before it ends, and COMMIT PREPARED passes a fence.'
            : 'Its tables cannot be given triggers before it ends, and COMMIT PREPARED passes a fence.',
          mend: `COMMIT PREPARED ${sqlText(gid)};\n-- or\nROLLBACK PREPARED ${sqlText(gid)};`,
        }),
      ),
    ),
    ...look(facts.longTransactions, 'blue', 'open transactions', (open) =>
      open
        .filter(({ ageSeconds }) => ageSeconds >= longTransactionSeconds)
        .map(({ pid, user, applicationName, state, ageSeconds, hasWritten }) =>
          finding('ASSESS-LONG-TRANSACTION', {
            side: 'blue',
            object: String(pid),
            what: `${user} (${applicationName === '' ? 'unnamed' : applicationName}, pid ${pid}, ${state}) has had a transaction open for ${ageSeconds} s.`,
            why: whyLong(hasWritten, readsLog(situation, 'blue')),
            mend: `SELECT pg_terminate_backend(${pid});`,
          }),
        ),
    ),
    ...checkStreams(situation),
    ...checkOutside(situation),
  ];
}

function whyLong(hasWritten: boolean, slot: boolean): string {
  if (!hasWritten)
    return `If it writes, ${slot ? 'the slot waits' : 'triggers wait'} for it; open at the cut, it makes the cut give up.`;
  return slot
    ? 'It has written: the replication slot cannot be created before it ends.'
    : 'It has written: its tables cannot be given triggers before it ends.';
}

function checkStreams(situation: Situation): readonly Finding[] {
  const { facts } = situation.blue;
  return [
    ...bothSides(situation).flatMap(([side, view]) =>
      look(view.facts.subscriptions, side, 'subscriptions', (subscriptions) =>
        subscriptions
          .filter(({ enabled }) => enabled)
          .map(({ name }) =>
            finding('ASSESS-SUBSCRIPTION', {
              side,
              object: name,
              what: `Subscription ${name} writes into ${side}.`,
              why: 'It writes as a replica: its rows pass the fence, and a stream without foreign origins leaves them out.',
              mend: `ALTER SUBSCRIPTION ${sqlName(name)} DISABLE;`,
            }),
          ),
      ),
    ),
    ...look(facts.slots, 'blue', 'replication slots', (slots) => {
      const names = slots
        .filter(
          ({ kind, name, temporary }) =>
            kind === 'logical' && !temporary && (!name.startsWith('teal_') || name.startsWith('teal_outbox_')),
        )
        .filter(({ database }) => database === situation.blue.identity.identity.database.replace(/^\d+\//, ''))
        .map(({ name }) => name);
      if (names.length === 0) return [];
      return [
        finding('ASSESS-SLOT-OTHERS', {
          side: 'blue',
          object: names.join(', '),
          what: `${countOf('other slot', names)} read the changes of blue.`,
          why: 'They see nothing of what clients write after the cut, unless they are moved to green as well; slots are not copied.',
        }),
      ];
    }),
    ...bothSides(situation).flatMap(([side, view]) =>
      look(view.facts.publications, side, 'publications', (publications) => {
        const names = publications.filter(({ allTables }) => allTables).map(({ name }) => name);
        if (names.length === 0) return [];
        return [
          finding('ASSESS-PUBLICATION-ALL', {
            side,
            object: names.join(', '),
            what: `${countOf('publication', names)} on ${side} for all tables.`,
            why: "Subscribers will ask for Teal's own tables as well and stop when they have none.",
            mend: '-- name the tables of the publication, or create schema teal at the subscriber',
          }),
        ];
      }),
    ),
  ];
}

function checkOutside({ blue }: Situation): readonly Finding[] {
  const { facts } = blue;
  return [
    ...look(facts.jobs, 'blue', 'scheduled jobs', (jobs) => {
      const names = jobs.filter(({ active }) => active).map(({ name }) => name);
      if (names.length === 0) return [];
      return [
        finding('ASSESS-JOBS', {
          side: 'blue',
          object: names.join(', '),
          what: `Blue starts ${countOf('job', names)} by itself.`,
          why: 'Jobs are not moved. After the cut they fail at the fence on blue, and do not run on green.',
          mend: '-- create them on green, not active; at the cut switch them off on blue and on at green.',
        }),
      ];
    }),
    ...look(facts.foreignServers, 'blue', 'foreign servers', (servers) => {
      if (servers.length === 0) return [];
      const names = servers.map(({ name, wrapper }) => `${name} by ${wrapper}`);
      return [
        finding('ASSESS-FOREIGN-SERVERS', {
          side: 'blue',
          object: servers.map(({ name }) => name).join(', '),
          what: `Blue reaches ${countOf('foreign server', names)}.`,
          why: 'Green must reach them over its own network. Passwords in user mappings are readable by their owners only: set them again on green.',
        }),
      ];
    }),
    ...look(facts.stateOutsideTables, 'blue', 'state outside of tables', (state) => {
      const signs = [
        ...(state.advisoryLocks > 0
          ? [`${state.advisoryLocks} advisory lock${state.advisoryLocks === 1 ? '' : 's'} held now`]
          : []),
        ...(state.temporaryTables > 0
          ? [`${state.temporaryTables} temporary table${state.temporaryTables === 1 ? '' : 's'} now`]
          : []),
        ...state.functions.map(({ sign, names }) => `${sign} in ${countOf('function', names)}`),
      ];
      if (signs.length === 0) return [];
      return [
        finding('ASSESS-STATE-OUTSIDE', {
          side: 'blue',
          what: `Signs of state outside of tables: ${signs.join('; ')}.`,
          why: 'Locks, notifications and temporary tables live in one server. A session that holds such state crosses a cut only after it has let go.',
        }),
      ];
    }),
  ];
}
