import type { Role, SessionDefault, Setting } from '../../../model/facts.ts';
import { countOf, finding, look, sqlName, sqlText, type Finding, type Situation } from '../finding.ts';

/** Settings whose difference changes answers to clients, or ends their statements. */
const settingsClientsNotice = [
  'TimeZone',
  'DateStyle',
  'IntervalStyle',
  'search_path',
  'standard_conforming_strings',
  'default_transaction_isolation',
  'statement_timeout',
  'lock_timeout',
  'transaction_timeout',
  'idle_in_transaction_session_timeout',
  'synchronous_commit',
  'max_prepared_transactions',
] as const;

/** What clients would notice after the cut though every row is there. */
export function checkClients({ blue, green }: Situation): readonly Finding[] {
  return [
    ...look(blue.facts.settings, 'blue', 'settings', (ofBlue) =>
      look(green.facts.settings, 'green', 'settings', (ofGreen) => [
        ...checkSettings(ofBlue, ofGreen),
        ...checkPreload(ofBlue, ofGreen),
      ]),
    ),
    ...look(blue.facts.sessionDefaults, 'blue', 'defaults of database and roles', (ofBlue) =>
      look(green.facts.sessionDefaults, 'green', 'defaults of database and roles', (ofGreen) =>
        checkSessionDefaults(ofBlue, ofGreen, green.identity.identity.database.replace(/^\d+\//, '')),
      ),
    ),
    ...look(blue.facts.roles, 'blue', 'roles', (ofBlue) =>
      look(green.facts.roles, 'green', 'roles', (ofGreen) => checkRoles(ofBlue, ofGreen)),
    ),
  ];
}

type Settings = Readonly<Record<string, Setting>>;

function checkSettings(blue: Settings, green: Settings): readonly Finding[] {
  const shown = (setting: Setting): string => `${setting.value ?? 'unknown'}${setting.unit ?? ''}`;
  const differing = settingsClientsNotice.flatMap((name) => {
    const [one, other] = [blue[name], green[name]];
    // A setting that one major lacks is no difference; one that could not be read is not claimed to be one.
    if (one?.value === undefined || other?.value === undefined || shown(one) === shown(other)) return [];
    return [{ name, blue: shown(one), green: shown(other), value: one.value }];
  });
  if (differing.length === 0) return [];
  return [
    finding('ASSESS-SETTINGS', {
      side: 'green',
      object: differing.map(({ name }) => name).join(', '),
      what: `Settings differ: ${differing.map((one) => `${one.name} ${one.blue || "''"} → ${one.green || "''"}`).join(', ')}.`,
      why: 'Clients that do not set them themselves get other answers, or other time-outs, after the cut.',
      mend: [
        ...differing.map(({ name, value }) => `ALTER SYSTEM SET ${name} = ${settingValue(name, value)};`),
        'SELECT pg_reload_conf();',
      ].join('\n'),
    }),
  ];
}

/** A list such as search_path must not be quoted as one name. */
function settingValue(name: string, value: string): string {
  return name === 'search_path' ? value : sqlText(value);
}

function checkPreload(blue: Settings, green: Settings): readonly Finding[] {
  const list = (settings: Settings): readonly string[] =>
    (settings['shared_preload_libraries']?.value ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
  if (green['shared_preload_libraries']?.value === undefined) return [];
  const ofGreen = list(green);
  const missing = list(blue).filter((name) => !ofGreen.includes(name));
  if (missing.length === 0) return [];
  return [
    finding('ASSESS-PRELOAD', {
      side: 'green',
      object: missing.join(', '),
      what: `Blue preloads ${missing.join(', ')}; green does not.`,
      why: 'Extensions that need their library preloaded fail when they are created or used.',
      mend: `ALTER SYSTEM SET shared_preload_libraries = ${[...ofGreen, ...missing].map(sqlText).join(', ')};\n-- then restart the server`,
    }),
  ];
}

function checkSessionDefaults(
  blue: readonly SessionDefault[],
  green: readonly SessionDefault[],
  greenDatabase: string,
): readonly Finding[] {
  const key = (one: SessionDefault): string =>
    JSON.stringify([one.database !== undefined, one.role, one.name, one.value]);
  const there = new Set(green.map(key));
  const missing = blue.filter((one) => !there.has(key(one)));
  if (missing.length === 0) return [];
  const statement = ({ database, role, name, value }: SessionDefault): string => {
    const within = database === undefined ? '' : ` IN DATABASE ${sqlName(greenDatabase)}`;
    const of =
      role === undefined
        ? database === undefined
          ? 'ROLE ALL'
          : `DATABASE ${sqlName(greenDatabase)}`
        : `ROLE ${sqlName(role)}${within}`;
    const set = `ALTER ${of} SET ${name
      .split('.')
      .map((part) => sqlName(part))
      .join('.')}`;
    return value === undefined
      ? `${set} = '…';  -- value not read: it may be a secret`
      : `${set} = ${listOrText(name, value)};`;
  };
  return [
    finding('ASSESS-SESSION-DEFAULTS', {
      side: 'green',
      object: missing.map(({ name }) => name).join(', '),
      what: `${countOf(
        'default',
        missing.map(({ role, name }) => `${role ?? 'every role'}: ${name}`),
      )} of blue not set on green.`,
      why: 'A dump of the schema does not hold them. Sessions would begin with other settings after the cut.',
      mend: missing.map(statement).join('\n'),
    }),
  ];
}

/** The catalog keeps lists of names as they are written in SQL, and everything else bare. */
function listOrText(name: string, value: string): string {
  return ['search_path', 'temp_tablespaces', 'session_preload_libraries', 'local_preload_libraries'].includes(name)
    ? value === ''
      ? "''"
      : value
    : sqlText(value);
}

function checkRoles(blue: readonly Role[], green: readonly Role[]): readonly Finding[] {
  const there = new Set(green.map(({ name }) => name));
  const missing = blue.filter(({ name }) => !there.has(name));
  if (missing.length === 0) return [];
  const names = missing.map(({ name }) => name);
  return [
    finding('ASSESS-ROLES', {
      side: 'green',
      object: names.join(', '),
      what: `${countOf('role', names)} of blue ${names.length === 1 ? 'is' : 'are'} missing on green.`,
      why: 'Objects cannot get their owner and grants, and clients cannot log in after the cut.',
      mend: `-- in a shell: pg_dumpall --roles-only --dbname="$BLUE_URL" | psql "$GREEN_URL"`,
    }),
  ];
}
