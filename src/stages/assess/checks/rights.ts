import { tableKey, type Side, type TableName } from '../../../model/catalog.ts';
import { valueOr, type Rights } from '../../../model/facts.ts';
import {
  bothSides,
  countOf,
  finding,
  keysOf,
  look,
  readsLog,
  sqlName,
  sqlTable,
  type Finding,
  type Situation,
} from '../finding.ts';

/** Each right that is missing, with the statement that gives it. A superuser of a later step must not be needed where an earlier one could have said so. */
export function checkRights(situation: Situation): readonly Finding[] {
  const each = bothSides(situation).flatMap(([side, view]) =>
    look(view.facts.rights, side, 'rights of the role', (rights) => {
      const role = sqlName(rights.user);
      const database = sqlName(view.identity.identity.database.replace(/^\d+\//, ''));
      return [
        ...(readsLog(situation, side) ? checkStreaming(side, rights, role) : []),
        ...checkDuties(side, rights, role, database, view.identity.major),
        ...checkTables(rights, role, situation, side),
        ...checkComforts(side, rights, role),
        ...(situation.proxyReadsPasswords ? checkPasswords(side, rights, role) : []),
      ];
    }),
  );
  return [...each, ...checkOwners(situation), ...checkForced(situation)];
}

/** A table that hides rows from its owner too will hide them on green, where it is not yet. */
function checkForced({ green, managed }: Situation): readonly Finding[] {
  const forced = keysOf(managed.filter(({ rowSecurity }) => rowSecurity === 'forced'));
  if (forced.length === 0 || !green.facts.rights.known || green.facts.rights.value.bypassRowSecurity) return [];
  const { user } = green.facts.rights.value;
  return [
    finding('ASSESS-ROWS-HIDDEN', {
      side: 'green',
      object: forced.join(', '),
      what: `Row-level security will filter what ${user} sees of ${countOf('table', forced)} on green.`,
      why: 'It is forced on owners too: the rows there could be neither written nor compared.',
      mend: `ALTER ROLE ${sqlName(user)} BYPASSRLS;`,
    }),
  ];
}

/** What blue's owners own must become theirs on green: Teal makes the roles that are missing, and must be a member of the others. What is unknown was said above. */
function checkOwners({ blue, green }: Situation): readonly Finding[] {
  const [ofBlue, ofGreen, roles] = [blue.facts.rights, green.facts.rights, green.facts.roles];
  if (!ofBlue.known || !ofGreen.known || !roles.known || ofGreen.value.superuser) return [];
  const { user, createRole, actsAs } = ofGreen.value;
  const there = new Set([user, ...roles.value.map(({ name }) => name)]);
  const wanted = valueOr(blue.facts.roles, []).map(({ name }) => name);
  const missing = wanted.filter((name) => !there.has(name));
  const others = ofBlue.value.owners.filter((name) => there.has(name) && !actsAs.includes(name));
  const found: Finding[] = [];
  if (missing.length > 0 && !createRole) {
    found.push(
      finding('ASSESS-RIGHT-ROLES', {
        side: 'green',
        object: missing.join(', '),
        what: `${user} may not create roles on green, and ${countOf('role', missing)} of blue ${missing.length === 1 ? 'is' : 'are'} missing there.`,
        why: 'Objects could not get their owner and grants, and clients could not log in after the cut.',
        mend: `ALTER ROLE ${sqlName(user)} CREATEROLE;\n-- or create the roles yourself, and GRANT those that own something TO ${sqlName(user)}`,
      }),
    );
  }
  if (others.length > 0) {
    found.push(
      finding('ASSESS-RIGHT-ROLES', {
        side: 'green',
        object: others.join(', '),
        what: `${user} is no member of ${countOf('role', others)}, which own objects of blue.`,
        why: `On green those objects would belong to ${user}, and their owners could not use them.`,
        mend: others.map((name) => `GRANT ${sqlName(name)} TO ${sqlName(user)};`).join('\n'),
      }),
    );
  }
  return found;
}

export function checkStreaming(side: Side, rights: Rights, role: string): readonly Finding[] {
  if (rights.replication) return [];
  return [
    finding('ASSESS-RIGHT-REPLICATION', {
      side,
      object: rights.user,
      what: `${rights.user} has no REPLICATION attribute on ${side}.`,
      why: 'It can neither create a slot nor stream changes.',
      mend: `ALTER ROLE ${role} REPLICATION;\n-- on RDS: GRANT rds_replication TO ${role};`,
    }),
  ];
}

export function checkDuties(
  side: Side,
  rights: Rights,
  role: string,
  database: string,
  major: number,
): readonly Finding[] {
  const found: Finding[] = [];
  const missing = (code: Finding['code'], what: string, why: string, mend: string): void => {
    found.push(finding(code, { side, object: rights.user, what: `${rights.user} ${what} on ${side}.`, why, mend }));
  };
  if (!rights.createInDatabase) {
    missing(
      'ASSESS-RIGHT-CREATE',
      'may not create schemas or publications',
      'Teal keeps its tokens and its fence in a schema of its own, and streams through a publication.',
      `GRANT CREATE ON DATABASE ${database} TO ${role};`,
    );
  }
  if (side === 'green' && !rights.ownsDatabase) {
    missing(
      'ASSESS-RIGHT-DATABASE',
      'does not own the database',
      "It could neither create tables in schema public nor give the database blue's settings.",
      `ALTER DATABASE ${database} OWNER TO ${role};`,
    );
  }
  if (!rights.setReplicationRole) {
    missing(
      'ASSESS-RIGHT-APPLY',
      'may not set session_replication_role',
      'Triggers and foreign keys would fire a second time for rows that are applied, and the fence would stop the way back.',
      major >= 15
        ? `GRANT SET ON PARAMETER session_replication_role TO ${role};`
        : `ALTER ROLE ${role} IN DATABASE ${database} SET session_replication_role = replica;\n-- by a superuser: before PostgreSQL 15 nobody else may`,
    );
  }
  if (!rights.useOrigins) {
    missing(
      'ASSESS-RIGHT-ORIGIN',
      'may not call pg_replication_origin_*',
      'What Teal applies could not be told from what clients write, and would come back in a circle.',
      originGrants(role),
    );
  }
  return found;
}

function originGrants(role: string): string {
  return [
    'create(text)',
    'drop(text)',
    'oid(text)',
    'advance(text, pg_lsn)',
    'progress(text, boolean)',
    'session_setup(text)',
    'session_reset()',
    'xact_setup(pg_lsn, timestamptz)',
  ]
    .map((name) => `GRANT EXECUTE ON FUNCTION pg_replication_origin_${name} TO ${role};`)
    .join('\n');
}

function checkTables(rights: Rights, role: string, situation: Situation, side: Side): readonly Finding[] {
  const managedKeys = new Set(keysOf(situation.managed));
  const managed = <T extends TableName>(tables: readonly T[]): readonly T[] =>
    tables.filter((table) => managedKeys.has(tableKey(table)));
  const found: Finding[] = [];
  const unreadable = managed(rights.unreadable);
  if (unreadable.length > 0) {
    const schemas = [...new Set(unreadable.map(({ schema }) => schema))];
    found.push(
      finding('ASSESS-RIGHT-SELECT', {
        side,
        object: keysOf(unreadable).join(', '),
        what: `${rights.user} may not read ${countOf('table', keysOf(unreadable))} of ${side}.`,
        why: 'Their rows can be neither copied nor compared.',
        mend: [
          ...schemas.map((schema) => `GRANT USAGE ON SCHEMA ${sqlName(schema)} TO ${role};`),
          ...unreadable.map((table) => `GRANT SELECT ON ${sqlTable(table)} TO ${role};`),
        ].join('\n'),
      }),
    );
  }
  const notOwned = managed(rights.notOwned);
  if (notOwned.length > 0) {
    found.push(
      finding('ASSESS-RIGHT-OWNER', {
        side,
        object: keysOf(notOwned).join(', '),
        what: `${rights.user} does not own ${countOf('table', keysOf(notOwned))} of ${side}.`,
        why: readsLog(situation, side)
          ? 'Only an owner may publish a table, set its replica identity and put the fence on it.'
          : 'Only an owner may put triggers on a table: those that record its changes, and the fence.',
        mend: [...new Set(notOwned.map(({ owner }) => owner))]
          .map((owner) => `GRANT ${sqlName(owner)} TO ${role};`)
          .join('\n'),
      }),
    );
  }
  const filtered = managed(rights.filtered);
  if (filtered.length > 0) {
    found.push(
      finding('ASSESS-ROWS-HIDDEN', {
        side,
        object: keysOf(filtered).join(', '),
        what: `Row-level security filters what ${rights.user} sees of ${countOf('table', keysOf(filtered))} of ${side}.`,
        why: 'The copy would be a part of the rows, with no error that says so, and would compare as equal.',
        mend: `ALTER ROLE ${role} BYPASSRLS;`,
      }),
    );
  }
  return found;
}

/** Rights without which Teal works, with less to see. */
function checkComforts(side: Side, rights: Rights, role: string): readonly Finding[] {
  const found: Finding[] = [];
  const missing = (code: Finding['code'], what: string, why: string, mend?: string): void => {
    const about = { side, object: rights.user, what: `${rights.user} ${what} on ${side}.`, why };
    found.push(finding(code, mend === undefined ? about : { ...about, mend }));
  };
  if (!rights.createEventTriggers) {
    missing(
      'ASSESS-RIGHT-EVENT-TRIGGER',
      'may not create event triggers',
      'A change of the schema is then noticed at the next comparison of catalogs, and at the latest inside the fence, not as it happens.',
    );
  }
  if (!rights.readAllStatistics) {
    missing(
      'ASSESS-RIGHT-STATISTICS',
      "does not see other users' sessions",
      'Teal cannot name the transaction that it waits for.',
      `GRANT pg_read_all_stats TO ${role};`,
    );
  }
  if (side === 'blue' && !rights.readPasswords) {
    missing(
      'ASSESS-RIGHT-PASSWORDS',
      'may not read pg_authid',
      'Roles cannot be created on green with their passwords; clients would be refused there after the cut.',
      `GRANT SELECT ON pg_catalog.pg_authid TO ${role};\n-- or set the same passwords on green yourself`,
    );
  }
  if (!rights.identifyCluster) {
    missing(
      'ASSESS-RIGHT-IDENTITY',
      'may not read the identity of the cluster',
      'Teal cannot tell a failover of the server from another server at the same address.',
      `GRANT EXECUTE ON FUNCTION pg_control_system(), pg_control_checkpoint() TO ${role};`,
    );
  }
  return found;
}

/** Otherwise found when the proxy starts (TEAL-TRAFFIC-012). */
function checkPasswords(side: Side, rights: Rights, role: string): readonly Finding[] {
  if (rights.readPasswords) return [];
  return [
    finding('ASSESS-PROXY-PASSWORDS', {
      side,
      object: rights.user,
      what: `${rights.user} may not read pg_authid on ${side}, where the proxy finds what clients prove their passwords by.`,
      why: 'The proxy would not start: no client could log in through it.',
      mend: `GRANT SELECT ON pg_catalog.pg_authid TO ${role};\n-- where nobody may (managed services): traffic.authFile, a file of SCRAM verifiers`,
    }),
  ];
}
