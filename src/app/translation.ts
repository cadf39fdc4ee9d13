import type { Translation } from '../carriers/embedded/config.ts';
import { mapCatalog } from '../mapping/map-catalog.ts';
import { nameMapOf } from '../mapping/name-map-of.ts';
import { strictMappingPolicy } from '../mapping/options.ts';
import type { TableSelection } from '../model/table-selection.ts';
import { isDeepStrictEqual } from 'node:util';
import { selectedCatalog, type KeptMapping } from './kept-catalog.ts';

/** What the workers of both flows must know of a mapping; undefined where names and values are the same on both sides. Pure. */
export function translationOf({ catalog, options }: KeptMapping, tables: TableSelection): Translation | undefined {
  const selected = selectedCatalog(catalog, tables);
  const mapping = mapCatalog(selected, options);
  const names = nameMapOf(mapping, selected);
  const isSame = names.schemas.length === 0 && names.tables.length === 0;
  return isSame && isDeepStrictEqual(mapping.policy, strictMappingPolicy)
    ? undefined
    : { names, values: mapping.policy };
}
