/** What the text of a statement says about the state of its session, as far as the server itself does not tell it. */
export interface StatementWords {
  /** Names of user variables in it, in lower case. */
  readonly userVariables: readonly string[];
  /** It may change what the server does not report: LAST_INSERT_ID(), what a procedure does, how the session is tracked. */
  readonly changes: boolean;
  /** It may change what the server tells of the session. */
  readonly tracks: boolean;
  readonly pins: readonly PinWord[];
  readonly kill: KillWord | undefined;
}

export type PinWord =
  | { readonly kind: 'temporaryTable' | 'dropTable'; readonly names: readonly string[] }
  | { readonly kind: 'userLock'; readonly name: string | undefined }
  | { readonly kind: 'userUnlock'; readonly name: string | undefined }
  | { readonly kind: 'userUnlockAll' | 'globalLock' | 'unlock' | 'handler' | 'handlerEnd' | 'xa' | 'xaEnd' }
  | { readonly kind: 'prepare'; readonly name: string; readonly literal: boolean }
  | { readonly kind: 'deallocate'; readonly name: string };

export interface KillWord {
  readonly connectionId: number;
  /** Where the number stands in the text. */
  readonly from: number;
  readonly to: number;
}

const none: StatementWords = Object.freeze({
  userVariables: [],
  changes: false,
  tracks: false,
  pins: [],
  kill: undefined,
});

/** One look for all: most statements have none of these. */
const telling =
  /@|last_insert_id|_lock|session_track|\b(?:call|temporary|handler|prepare|deallocate|kill|unlock|xa|backup|instance|drop)\b|with\s+read\s+lock/i;
const userVariable = /(?<!@)@(?:`((?:[^`]|``)+)`|'([^']+)'|"([^"]+)"|([\w.$\u0080-\uffff]+))/g;
const name = '(?:`(?:[^`]|``)+`|[\\w$\\u0080-\\uffff]+)';
const qualified = `${name}(?:\\s*\\.\\s*${name})?`;
const temporary = new RegExp(
  `\\bcreate\\s+(?:or\\s+replace\\s+)?temporary\\s+(?:table|sequence)\\s+(?:if\\s+not\\s+exists\\s+)?(${qualified})`,
  'gi',
);
const dropped = new RegExp(
  `\\bdrop\\s+(?:temporary\\s+)?tables?\\s+(?:if\\s+exists\\s+)?(${qualified}(?:\\s*,\\s*${qualified})*)`,
  'gi',
);
const taken = /\bget_lock\s*\(\s*(?:'([^'\\]*)'|"([^"\\]*)")?/gi;
const released = /\brelease_lock\s*\(\s*(?:'([^'\\]*)'|"([^"\\]*)")?/gi;
const prepared = new RegExp(`\\bprepare\\s+(${name})\\s+from\\b`, 'gi');
const preparedAlone = new RegExp(
  `^\\s*prepare\\s+${name}\\s+from\\s*(?:'(?:[^'\\\\]|\\\\.|'')*'|"(?:[^"\\\\]|\\\\.|"")*")\\s*;?\\s*$`,
  'is',
);
const deallocated = new RegExp(`\\b(?:deallocate|drop)\\s+prepare\\s+(${name})`, 'gi');
const killed =
  /^(?:\s|\/\*.*?\*\/|--\s[^\n]*\n|#[^\n]*\n)*kill\s+(?:(?:hard|soft)\s+)?(?:(?:connection|query)\s+)?(\d+)\s*;?\s*$/is;

/** Reads what is text and what is not alike: a word within a literal is taken for what it says, which costs a question, never a state. */
export function readWords(sql: string): StatementWords {
  if (!telling.test(sql)) return none;
  const userVariables = [...sql.matchAll(userVariable)].map(([, back, single, double, bare]) =>
    (back?.replaceAll('``', '`') ?? single ?? double ?? bare ?? '').toLowerCase(),
  );
  return {
    userVariables: [...new Set(userVariables)],
    changes: /last_insert_id|session_track|_locks?\s*\(|\b(?:call|prepare)\b/i.test(sql),
    tracks: /session_track/i.test(sql),
    pins: pinsOf(sql),
    kill: killOf(sql),
  };
}

function pinsOf(sql: string): readonly PinWord[] {
  const pins: PinWord[] = [];
  for (const [, table = ''] of sql.matchAll(temporary)) pins.push({ kind: 'temporaryTable', names: [plain(table)] });
  for (const [, tables = ''] of sql.matchAll(dropped)) {
    pins.push({ kind: 'dropTable', names: tables.split(',').map((each) => plain(each.trim())) });
  }
  for (const [, single, double] of sql.matchAll(taken)) pins.push({ kind: 'userLock', name: single ?? double });
  for (const [, single, double] of sql.matchAll(released)) pins.push({ kind: 'userUnlock', name: single ?? double });
  if (/\brelease_all_locks\b/i.test(sql)) pins.push({ kind: 'userUnlockAll' });
  if (/\bwith\s+read\s+lock\b|\bfor\s+export\b|\block\s+instance\b|\bbackup\s+(?:stage|lock)\b/i.test(sql))
    pins.push({ kind: 'globalLock' });
  if (/\bunlock\s+(?:tables?|instance)\b|\bbackup\s+(?:stage\s+end|unlock)\b/i.test(sql)) pins.push({ kind: 'unlock' });
  if (/\bhandler\b[^;]*\bopen\b/i.test(sql)) pins.push({ kind: 'handler' });
  if (/\bhandler\b[^;]*\bclose\b/i.test(sql)) pins.push({ kind: 'handlerEnd' });
  if (/\bxa\s+(?:start|begin)\b/i.test(sql)) pins.push({ kind: 'xa' });
  if (/\bxa\s+(?:commit|rollback)\b/i.test(sql)) pins.push({ kind: 'xaEnd' });
  for (const [, what = ''] of sql.matchAll(deallocated)) pins.push({ kind: 'deallocate', name: plain(what) });
  for (const [, what = ''] of sql.matchAll(prepared)) {
    // As a whole it is one PREPARE of a literal: it can be said again elsewhere.
    pins.push({ kind: 'prepare', name: plain(what), literal: preparedAlone.test(sql) });
  }
  return pins;
}

function plain(text: string): string {
  return text.replaceAll(/`|\s/g, '').toLowerCase();
}

function killOf(sql: string): KillWord | undefined {
  const match = killed.exec(sql);
  const digits = match?.[1];
  if (match === null || digits === undefined) return undefined;
  const from = match[0].lastIndexOf(digits);
  return { connectionId: Number(digits), from, to: from + digits.length };
}
