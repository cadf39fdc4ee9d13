import type { DefinedObject } from '../../../model/mysql-facts.ts';
import { countOf, finding, look, type Finding } from '../finding.ts';
import type { MysqlSituation } from './situation.ts';
import { sqlName } from './sql.ts';

/** Open for longer than this, a transaction or statement is worth a word. */
const longSeconds = 60;

/** What goes on in blue beside its clients' queries, and what of it no copy of rows brings along. */
export function checkActivity(situation: MysqlSituation): readonly Finding[] {
  const { facts } = situation.blue;
  return [
    ...look(facts.preparedTransactions, 'blue', 'prepared transactions', (prepared) =>
      prepared.map(({ gid }) =>
        finding('ASSESS-MYSQL-PREPARED', {
          side: 'blue',
          object: gid,
          what: `XA transaction ${gid} is prepared.`,
          why: 'Its rows are in the log already, and whether they count is not decided; nor does the fence hold its commit.',
          mend: `XA COMMIT ${gid};\n-- or\nXA ROLLBACK ${gid};`,
        }),
      ),
    ),
    ...look(facts.longTransactions, 'blue', 'open transactions', (open) =>
      open
        .filter(({ ageSeconds }) => ageSeconds >= longSeconds)
        .map(({ pid, user, ageSeconds, hasWritten }) =>
          finding('ASSESS-MYSQL-LONG-TRANSACTION', {
            side: 'blue',
            object: String(pid),
            what: `${user} (session ${pid}) has had a transaction open for ${ageSeconds} s.`,
            why: hasWritten
              ? 'It has written: open at the cut, it makes the cut give up.'
              : 'Open at the cut, it makes the cut give up.',
            mend: `KILL ${pid};`,
          }),
        ),
    ),
    ...look(facts.longStatements, 'blue', 'running statements', (running) =>
      running
        .filter(({ ageSeconds }) => ageSeconds >= longSeconds)
        .map(({ pid, user, ageSeconds }) =>
          finding('ASSESS-MYSQL-LONG-STATEMENT', {
            side: 'blue',
            object: String(pid),
            what: `A statement of ${user} (session ${pid}) has run for ${ageSeconds} s.`,
            why: 'A lock of all tables waits for it, and while it waits every write of others does.',
            mend: `KILL QUERY ${pid};`,
          }),
        ),
    ),
    ...look(facts.logReaders, 'blue', 'readers of the log', checkReaders),
    ...look(facts.hasTealSchema, 'blue', 'database of Teal', (has) => checkTeal('blue', has)),
    ...(situation.green === undefined
      ? []
      : look(situation.green.facts.hasTealSchema, 'green', 'database of Teal', (has) => checkTeal('green', has))),
    ...look(facts.definedObjects, 'blue', 'programs in the database', (objects) => checkObjects(situation, objects)),
  ];
}

function checkReaders(count: number): readonly Finding[] {
  if (count === 0) return [];
  return [
    finding('ASSESS-MYSQL-LOG-READER', {
      side: 'blue',
      object: String(count),
      what: `${count} session${count === 1 ? ' reads' : 's read'} the log of blue.`,
      why: 'Replicas and other consumers stay with blue: after a cut they hear of the changes on green by what Teal writes back, or must be pointed to green.',
    }),
  ];
}

function checkTeal(side: 'blue' | 'green', has: boolean): readonly Finding[] {
  if (!has) return [];
  return [
    finding('ASSESS-TEAL-SCHEMA', {
      side,
      object: 'teal',
      what: `A database teal is on ${side} already.`,
      why: 'It belongs to this migration, or was left by another one; two migrations cannot share it.',
      mend: '-- if no migration uses it any more:\nDROP DATABASE `teal`;',
    }),
  ];
}

function checkObjects(situation: MysqlSituation, all: readonly DefinedObject[]): readonly Finding[] {
  const databases = new Set(situation.managed.map(({ schema }) => schema));
  const objects = all.filter(({ schema }) => databases.has(schema));
  const events = objects.filter(({ kind, enabled }) => kind === 'event' && enabled === true);
  const code = objects.filter(({ kind }) => kind !== 'view' && kind !== 'trigger');
  const views = objects.filter(({ kind }) => kind === 'view');
  const found: Finding[] = [];
  // A green of this family gets them all, and events sleep on the side that is not live.
  if (situation.green !== undefined) return found;
  if (code.length > 0) {
    found.push(
      finding('ASSESS-MYSQL-CODE', {
        side: 'blue',
        object: code.map(nameOf).join(', '),
        what: `Blue has ${countOf('routine or event', code.map(nameOf)).replace('routine or events', 'routines and events')}.`,
        why: 'They are not carried: statements of clients that call them fail on green until somebody has made them there.',
        mend: code
          .map((one) => `-- SHOW CREATE ${one.kind.toUpperCase()} ${sqlName(one.schema, one.name)};`)
          .join('\n'),
      }),
    );
  }
  if (events.length > 0) {
    found.push(
      finding('ASSESS-MYSQL-EVENT', {
        side: 'blue',
        object: events.map(nameOf).join(', '),
        what: `The server of blue runs ${countOf('event', events.map(nameOf))}.`,
        why: 'On a side that is fenced they fail, or pass the fence with the rights of their definer; after a cut they must run on green only.',
        mend: `-- in the pause of the cut:\n${events.map((one) => `ALTER EVENT ${sqlName(one.schema, one.name)} DISABLE;`).join('\n')}`,
      }),
    );
  }
  if (views.length > 0) {
    found.push(
      finding('ASSESS-MYSQL-VIEW', {
        side: 'blue',
        object: views.map(nameOf).join(', '),
        what: `Blue has ${countOf('view', views.map(nameOf))}.`,
        why: 'Their SQL is of MySQL: somebody must write them for PostgreSQL.',
        mend: views.map((one) => `-- SHOW CREATE VIEW ${sqlName(one.schema, one.name)};`).join('\n'),
      }),
    );
  }
  return found;
}

function nameOf({ schema, name }: DefinedObject): string {
  return `${schema}.${name}`;
}
