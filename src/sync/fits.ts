import { tableKey } from '../model/catalog.ts';
import type { Relation } from '../model/change.ts';
import type { Sink, TableFit, TargetTable } from '../ports/sink.ts';

/**
 * How the stream's tables fit the target, asked once for each form of a table. A description that says the same as the last one keeps its table: the sink holds
 * prepared things by it.
 */
export class Fits {
  readonly #sink: Sink;
  readonly #byRelation = new WeakMap<Relation, TargetTable>();
  readonly #byName = new Map<string, TargetTable>();
  /** The answer that `known` gave last: most changes are of the table of the one before. */
  #last: { readonly relation: Relation; readonly table: TargetTable } | undefined;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  known(relation: Relation): TargetTable | undefined {
    if (this.#last?.relation === relation) return this.#last.table;
    const table = this.#byRelation.get(relation);
    if (table === undefined || this.#byName.get(tableKey(relation)) !== table) return undefined;
    this.#last = { relation, table };
    return table;
  }

  async of(relation: Relation): Promise<TableFit> {
    const known = this.known(relation);
    if (known !== undefined) return { fits: true, table: known };
    const name = tableKey(relation);
    const last = this.#byName.get(name);
    if (last !== undefined && sameForm(last.relation, relation)) {
      this.#byRelation.set(relation, last);
      return { fits: true, table: last };
    }
    const fit = await this.#sink.describe(relation);
    this.#last = undefined;
    if (fit.fits) {
      this.#byName.set(name, fit.table);
      this.#byRelation.set(relation, fit.table);
    }
    return fit;
  }

  /** The target's table, or the source's, may have changed: it is asked for again. */
  forget(name: string): void {
    this.#byName.delete(name);
    this.#last = undefined;
  }
}

function sameForm(a: Relation, b: Relation): boolean {
  if (a === b) return true;
  if (a.replicaIdentity !== b.replicaIdentity || a.columns.length !== b.columns.length) return false;
  return a.columns.every((column, place) => {
    const other = b.columns[place];
    return (
      other?.name === column.name &&
      other.typeOid === column.typeOid &&
      other.typeModifier === column.typeModifier &&
      other.key === column.key
    );
  });
}
