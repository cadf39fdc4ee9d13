import type { Side } from '../../../model/catalog.ts';
import type { Setting } from '../../../model/facts.ts';
import { bothSides, finding, look, readsLog, type Finding, type SideView, type Situation } from '../finding.ts';
import { capital } from '../text.ts';

const oldestMajor = 14;
const newestMajor = 18;

/** Who the two servers are, and whether they can be the two ends of a migration. */
export function checkServers(situation: Situation): readonly Finding[] {
  return [
    ...bothSides(situation).flatMap(([side, view]) => checkVersionAndRole(side, view)),
    ...checkPair(situation),
    ...bothSides(situation).flatMap(([side, view]) =>
      look(view.facts.settings, side, 'settings', (settings) => [
        ...(readsLog(situation, side) ? checkLog(side, settings) : []),
        ...checkSettings(side, view, settings),
      ]),
    ),
  ];
}

export function checkVersionAndRole(side: Side, { identity }: SideView): readonly Finding[] {
  const found: Finding[] = [];
  if (identity.major < oldestMajor || identity.major > newestMajor) {
    found.push(
      finding('ASSESS-VERSION', {
        side,
        object: identity.address,
        what: `${capital(side)} is PostgreSQL ${identity.version}.`,
        why: `Teal moves PostgreSQL ${oldestMajor} to ${newestMajor}; what others write to their log and catalog is not tested.`,
      }),
    );
  }
  if (identity.role === 'replica') {
    found.push(
      finding('ASSESS-REPLICA', {
        side,
        object: identity.address,
        what: `${capital(side)} is a standby in recovery.`,
        why: 'Teal must write there: its schema, its publication and, at the cut, its fence.',
        mend: `-- give the address of the primary, or promote it:\nSELECT pg_promote();`,
      }),
    );
  }
  return found;
}

function checkPair({ blue, green }: Situation): readonly Finding[] {
  const found: Finding[] = [];
  if (green.identity.major < blue.identity.major) {
    found.push(
      finding('ASSESS-GREEN-OLDER', {
        what: `Green is PostgreSQL ${green.identity.major}, blue is ${blue.identity.major}.`,
        why: 'A schema of a newer major may hold what an older one cannot, and statements of clients may fail there.',
      }),
    );
  }
  const isSameCluster = blue.identity.identity.cluster === green.identity.identity.cluster;
  if (isSameCluster && blue.identity.identity.database === green.identity.identity.database) {
    found.push(
      finding('ASSESS-SAME-DATABASE', {
        object: green.identity.address,
        what: 'Blue and green are the same database of the same cluster.',
        why: 'There would be nothing to move to. A promoted physical copy of blue answers like this as well: it holds all rows already.',
      }),
    );
  } else if (isSameCluster) {
    found.push(
      finding('ASSESS-SAME-CLUSTER', {
        what: 'Blue and green are two databases of one cluster.',
        why: 'They share disk, WAL, locks and roles: the copy slows clients down more than it would from another machine.',
      }),
    );
  }
  return found;
}

/** What a stream of the log needs of the server. */
function checkLog(side: Side, settings: Readonly<Record<string, Setting>>): readonly Finding[] {
  const level = settings['wal_level']?.value;
  const found = checkSlotLimits(side, settings);
  if (level === 'logical') return found;
  return [
    finding('ASSESS-WAL-LEVEL', {
      side,
      object: 'wal_level',
      what: `wal_level is ${level ?? 'unknown'} on ${side}.`,
      why:
        side === 'blue'
          ? 'Changes cannot be read from its log. Where it cannot be restarted: `follow: { method: triggers }`.'
          : 'After the cut green must be followed, or there is no way back without losing writes.',
      mend: `ALTER SYSTEM SET wal_level = 'logical';\n-- then restart the server`,
    }),
    ...found,
  ];
}

function checkSettings(side: Side, view: SideView, settings: Readonly<Record<string, Setting>>): readonly Finding[] {
  const value = (name: string): string | undefined => settings[name]?.value;
  const found: Finding[] = [...checkReadOnly(side, view, value('default_transaction_read_only'))];
  const standbys = value('synchronous_standby_names') ?? '';
  if (standbys !== '' && value('synchronous_commit') !== 'off') {
    found.push(
      finding('ASSESS-SYNCHRONOUS', {
        side,
        object: 'synchronous_standby_names',
        what: `Commits on ${side} wait for a standby.`,
        why: 'The commits of a cut wait, too: while no standby answers, a cut is given up.',
      }),
    );
  }
  return found;
}

function checkSlotLimits(side: Side, settings: Readonly<Record<string, Setting>>): readonly Finding[] {
  const found: Finding[] = [];
  const keep = settings['max_slot_wal_keep_size'];
  if (keep?.value !== undefined && keep.value !== '-1') {
    found.push(
      finding('ASSESS-SLOT-WAL-LIMIT', {
        side,
        object: 'max_slot_wal_keep_size',
        what: `${capital(side)} keeps at most ${keep.value} ${keep.unit ?? ''} of WAL for a slot.`,
        why: 'When Teal is stopped for longer than that lasts, the server gives the slot up and the copy must begin again.',
        mend: 'ALTER SYSTEM SET max_slot_wal_keep_size = -1;\nSELECT pg_reload_conf();',
      }),
    );
  }
  const idle = settings['idle_replication_slot_timeout'];
  if (idle?.value !== undefined && Number.parseInt(idle.value, 10) !== 0) {
    found.push(
      finding('ASSESS-SLOT-IDLE-LIMIT', {
        side,
        object: 'idle_replication_slot_timeout',
        what: `${capital(side)} gives up a slot that nobody has read for ${idle.value} ${idle.unit ?? ''}.`,
        why: 'When Teal is stopped for longer, the copy must begin again.',
        mend: 'ALTER SYSTEM SET idle_replication_slot_timeout = 0;\nSELECT pg_reload_conf();',
      }),
    );
  }
  return found;
}

/** Teal's own sessions switch it off for themselves; it is the clients after the cut who would fail. */
function checkReadOnly(side: Side, view: SideView, ofServer: string | undefined): readonly Finding[] {
  const defaults = view.facts.sessionDefaults;
  const ofDatabase = defaults.known
    ? defaults.value.find((one) => one.name === 'default_transaction_read_only' && one.role === undefined)
    : undefined;
  if (!isOn(ofDatabase?.value ?? ofServer)) return [];
  const mend =
    ofDatabase?.database === undefined
      ? 'ALTER SYSTEM SET default_transaction_read_only = off;\nSELECT pg_reload_conf();'
      : `ALTER DATABASE "${ofDatabase.database.replaceAll('"', '""')}" RESET default_transaction_read_only;`;
  return [
    finding(side === 'green' ? 'ASSESS-GREEN-READ-ONLY' : 'ASSESS-BLUE-READ-ONLY', {
      side,
      object: 'default_transaction_read_only',
      what: `default_transaction_read_only is on for ${side}.`,
      why:
        side === 'green'
          ? 'Writes of clients would fail there after the cut.'
          : 'Clients that do not say otherwise cannot write on blue now, and may not have to be moved at all.',
      mend,
    }),
  ];
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && ['on', 'true', 'yes', '1'].includes(value.toLowerCase());
}
