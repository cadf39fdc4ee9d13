import { finding, type Finding } from '../finding.ts';
import { sqlAccount } from './sql.ts';
import type { MysqlSituation } from './situation.ts';

const acceptance = '-- in the migration file:\n-- follow: { method: triggers, acceptFrozenSchema: true }';

/** Whatever records changes has triggers at least on Teal's own tables: by them it is known where a cut is. */
export function checkTriggerRights({ blue }: MysqlSituation): readonly Finding[] {
  const { rights, settings } = blue.facts;
  if (!rights.known) return [];
  const { user, triggersInTeal, triggersUntrusted } = rights.value;
  const isOn = (name: string): boolean => settings.known && /^(ON|1)$/i.test(settings.value[name]?.value ?? '');
  const needsTrust = isOn('log_bin') && !isOn('log_bin_trust_function_creators') && !triggersUntrusted;
  if (triggersInTeal && !needsTrust) return [];
  return [
    finding('ASSESS-MYSQL-RECORDER-RIGHT', {
      side: 'blue',
      object: user,
      what: `${user} may not make triggers on blue${triggersInTeal ? ', because it writes a binlog and log_bin_trust_function_creators is off' : ' in database teal'}.`,
      why: 'What is recorded tells by triggers on tables of Teal where a cut is, and by triggers on yours what was changed.',
      mend: [
        ...(triggersInTeal ? [] : [`GRANT ALL ON \`teal\`.* TO ${sqlAccount(user)};`]),
        ...(needsTrust
          ? [`SET GLOBAL log_bin_trust_function_creators = ON;\n-- or: GRANT SUPER ON *.* TO ${sqlAccount(user)};`]
          : []),
      ].join('\n'),
    }),
  ];
}

/** What it means for blue to be followed by triggers, which a person must have said yes to: they name the columns of its tables. */
export function checkRecorder(situation: MysqlSituation): readonly Finding[] {
  const { blue, options, managed } = situation;
  if (options.method !== 'triggers') return [];
  const { rights } = blue.facts;
  const found: Finding[] = [
    finding('ASSESS-MYSQL-RECORDER', {
      side: 'blue',
      object: 'follow.method',
      what: `Triggers are put on ${managed.length} tables of blue, and from then on DROP COLUMN or RENAME COLUMN of one makes EVERY WRITE of the application to that table FAIL.`,
      why:
        'A trigger of this family names the columns that it records. TRUNCATE, a partition that is dropped, OPTIMIZE TABLE, and any change of columns or of keys that cascade are in no record: each of them ends the ' +
        'migration, and the copy begins anew. Each changed row is written twice more, in the transaction of the client, and its room is needed until the flow has it; a disk that is full stops writes. ' +
        'What of the application are transactions arrives on green some at a time, as one. Where there is a binlog, `follow: { method: log }` has none of these limits.',
    }),
  ];
  if (options.acceptFrozenSchema !== true) {
    found.push(
      finding('ASSESS-MYSQL-RECORDER-UNACCEPTED', {
        side: 'blue',
        object: 'follow.acceptFrozenSchema',
        what: 'The file does not say that nobody changes, empties or rebuilds a table of blue until the migration is over.',
        why: 'A deployment that drops or renames a column would make writes of the application fail.',
        mend: acceptance,
      }),
    );
  }
  if (rights.known && !rights.value.seeSessions) {
    found.push(
      finding('ASSESS-MYSQL-RECORDER-SESSIONS', {
        side: 'blue',
        object: rights.value.user,
        what: `${rights.value.user} lacks PROCESS on blue.`,
        why: 'InnoDB shows to nobody else which tables were emptied in one act, which no trigger tells.',
        mend: `GRANT PROCESS ON *.* TO ${sqlAccount(rights.value.user)};`,
      }),
    );
  }
  return [...found, ...checkTriggerRights(situation)];
}
