import { TealError } from '../kernel/errors.ts';
import type { Side } from '../model/catalog.ts';
import type { CellValue, RowChange } from '../model/change.ts';
import type { ControlRow } from '../ports/sink.ts';
import type { ModeSign } from './mode.ts';

/** The schema that is Teal's own on every side. None of its tables is ever a managed one. */
export const controlSchema = 'teal';

/** The row of a control table that a change wrote; undefined for everything else of Teal's schema, which no flow carries. */
export function controlRowOf(change: RowChange): ControlRow | undefined {
  const { relation } = change;
  if (relation.schema !== controlSchema || change.kind === 'delete') return undefined;
  const { name } = relation;
  if (name !== 'cut' && name !== 'owner' && name !== 'heartbeat') return undefined;
  const values = new Map<string, CellValue>();
  for (const [place, column] of relation.columns.entries()) {
    if (change.row.isSent(place)) values.set(column.name, change.row.at(place));
  }
  return { table: name, values };
}

/** What a control row says about who owns the data; a heartbeat says nothing. */
export function signOf(row: ControlRow): ModeSign | undefined {
  const text = (name: string): string => row.values.get(name)?.toString('utf8') ?? '';
  const epoch = Number(text('epoch'));
  switch (row.table) {
    case 'heartbeat':
      return undefined;
    case 'owner':
      return { kind: 'owner', owner: sideOf(text('owner')), epoch };
    case 'cut':
      return signOfToken(text('kind'));
  }
}

function signOfToken(kind: string): ModeSign | undefined {
  switch (kind) {
    case 'reopened':
    case 'lent':
    case 'recalled':
      return { kind };
    case 'lend':
    case 'home':
      // Blue closes or opens the rows of some tenants: it is live all the while.
      return undefined;
    default:
      return { kind: 'fence' };
  }
}

function sideOf(text: string): Side {
  if (text === 'blue' || text === 'green') return text;
  throw new TealError('TEAL-SYNC-117', 'an owner row names neither blue nor green');
}

/**
 * Whether a transaction was applied by Teal for this migration: its origins are `teal_<migration>_<word>`. The word has no underscore, so that
 * `teal_a_b_fwd` of migration `a_b` is not taken for one of migration `a`.
 */
export function isOwnOrigin(name: string, migration: string): boolean {
  const prefix = `teal_${migration}_`;
  return name.startsWith(prefix) && /^[a-z0-9]+$/.test(name.slice(prefix.length));
}
