import type { DifferencesAnswer } from '../types.ts';

type Table = DifferencesAnswer['tables'][number];

/** What tables that differ have in common, and where such a thing mostly comes from. A guess by counts and columns, and said as one. */
export interface Shape {
  readonly id: string;
  readonly title: string;
  readonly often: string;
  readonly tables: readonly Table[];
}

const shapes: readonly (Pick<Shape, 'id' | 'title' | 'often'> & { readonly fits: (table: Table) => boolean })[] = [
  {
    id: 'absent',
    title: 'The table is on one side only',
    often: 'It was created, dropped or renamed on one side after the migration began.',
    fits: ({ outcome }) => outcome === 'absent',
  },
  {
    id: 'unsettled',
    title: 'It could not be told',
    often:
      'The rows did not stand still for long enough, or a side did not answer. Compare again when there is less load.',
    fits: ({ outcome }) => outcome === 'unsettled',
  },
  {
    id: 'one column',
    title: 'Rows are on both sides, and one column differs',
    often:
      'A type that holds less, a trigger or default that writes on green, a time zone, a collation; or somebody changed that column there.',
    fits: (table) => lost(table) === 0 && columnsOf(table).length === 1,
  },
  {
    id: 'columns',
    title: 'Rows are on both sides, and several columns differ',
    often: 'Somebody wrote to the side that is not live, or a change was applied to another row.',
    fits: (table) => lost(table) === 0 && columnsOf(table).length > 1,
  },
  {
    id: 'only missing on green',
    title: 'Rows are missing on green',
    often: 'They were deleted on green, never arrived there, or are written by something that no log holds.',
    fits: ({ missing, different }) => (missing?.green ?? 0) > 0 && missing?.blue === 0 && different === 0,
  },
  {
    id: 'only missing on blue',
    title: 'Rows are missing on blue',
    often: 'Somebody has written to green beside the flow, or a delete on blue did not arrive.',
    fits: ({ missing, different }) => (missing?.blue ?? 0) > 0 && missing?.green === 0 && different === 0,
  },
];

const mixed = {
  id: 'mixed',
  title: 'Rows are missing and rows differ',
  often: 'More than one cause: look at the rows themselves with `teal verify` at a terminal.',
};

/** Tables by what they have in common, in the order above; none that is empty. Pure. */
export function shapesOf(tables: readonly Table[]): readonly Shape[] {
  const byId = Map.groupBy(tables, (table) => shapes.find(({ fits }) => fits(table))?.id ?? mixed.id);
  return [...shapes, mixed].flatMap(({ id, title, often }) => {
    const found = byId.get(id);
    return found === undefined ? [] : [{ id, title, often, tables: found }];
  });
}

function lost({ missing }: Table): number {
  return (missing?.blue ?? 0) + (missing?.green ?? 0);
}

function columnsOf({ columns }: Table): readonly string[] {
  return Object.keys(columns ?? {});
}
