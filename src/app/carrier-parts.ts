import { flowNames, pathsOfFolder, type CarrierConfig } from '../carriers/embedded/config.ts';
import type { CarrierDeps } from '../carriers/embedded/worker-ports.ts';
import { keysInNames, type ActingKey } from '../model/acting-keys.ts';
import { assert } from '../kernel/assert.ts';
import { otherSide, tableKey } from '../model/catalog.ts';
import { namesFrom, noOtherNames, onEitherSide, type NameMap } from '../model/name-map.ts';
import type { Position } from '../model/position.ts';
import type { TableSelection } from '../model/table-selection.ts';
import { flowSource } from '../ports/carrier.ts';
import { translatedDecoder } from '../sync/translated-decoder.ts';
import { requireFirstPosition } from './first-position.ts';
import { withKeys } from './key-eyes.ts';
import { isWanted } from './receiver-source.ts';
import { startReceiverThread } from './start-receiver.ts';
import type { EndOptions, SystemParts } from './system-parts.ts';
import { anyType, openUnlikeEyes, sameMysqlType } from './unlike-schemas.ts';

type SystemOfConfig = Exclude<CarrierConfig['systems']['source'], 'kafka'>;

/** Only the adapters that are needed are loaded. */
async function partsOf(system: SystemOfConfig): Promise<SystemParts> {
  if (system === 'postgres') return (await import('./carrier-parts-postgres.ts')).postgresParts;
  return (await import('./carrier-parts-mysql.ts')).mysqlParts;
}

function isMysql(system: SystemOfConfig): boolean {
  return system !== 'postgres';
}

/** What has no place on green need not be received. A name that reads as a pattern stays: it would leave out others. */
function withoutLeftOut(tables: TableSelection, map: NameMap): TableSelection {
  const leftOut = map.tables.flatMap(({ blue, green }) => (green === undefined ? [tableKey(blue)] : []));
  return { ...tables, exclude: [...(tables.exclude ?? []), ...leftOut.filter((key) => !key.includes('*'))] };
}

export interface FlowUrls {
  readonly source: string;
  readonly target: string;
}

/** What a worker is composed of, by the systems at the two ends of its flow. */
export async function composeCarrier(
  config: CarrierConfig,
  urls: FlowUrls,
  log: (text: string) => void,
): Promise<CarrierDeps> {
  const { systems, flow, migration, translation, tables = {} } = config;
  const streamNames = flowNames(migration, flow);
  const side = flowSource(flow);
  assert(systems.source !== 'kafka' && systems.target !== 'kafka', 'a mirror has a worker of its own');
  const [from, to] = [await partsOf(systems.source), await partsOf(systems.target)];
  const source: EndOptions = {
    url: urls.source,
    side,
    ...streamNames,
    method: config.method,
    ...(config.pollEveryMs === undefined ? {} : { pollEveryMs: config.pollEveryMs }),
  };
  const target: EndOptions = { url: urls.target, side: otherSide(side), ...streamNames, method: 'log' };
  const database = from.databaseOf(urls.source) ?? to.databaseOf(urls.target);
  const map = translation?.names ?? noOtherNames;
  const names = { ofSource: namesFrom(side, map), ofTarget: namesFrom(otherSide(side), map) };
  const { [side]: selected, [otherSide(side)]: selectedThere } = onEitherSide(map, (table) =>
    isWanted(table, tables, database),
  );
  let received: Position | undefined;
  const { description, probe, newDecoder, actingKeys } = from.source({
    ...source,
    tables: side === 'blue' ? withoutLeftOut(tables, map) : tables,
    database: translation === undefined ? database : undefined,
    translation,
    toOwnFamily: from === to,
    carries: (table, column) => names.ofSource.travels(table, column),
    beginning: async () => requireFirstPosition(config.startFile),
    received: () => received,
  });
  const eyes =
    from === to && from.eyes !== undefined
      ? from.eyes({ ...source, selected }, target)
      : openUnlikeEyes({
          source: from.forms({ ...source, selected }),
          target: to.forms({ ...target, selected: selectedThere }),
          side,
          selected: selectedThere,
          names,
          sameType: isMysql(systems.source) && isMysql(systems.target) ? sameMysqlType : anyType,
        });
  const keptKeys = async (): Promise<readonly ActingKey[]> => (await actingKeys?.kept()) ?? [];
  return {
    ...to.target(target),
    startReceiver: (initial, listener) =>
      startReceiverThread(
        {
          url: urls.source,
          source: description,
          migration,
          stream: streamNames.stream,
          spoolFolder: pathsOfFolder(config.folder).spool,
          spoolLimitBytes: config.spoolLimitBytes,
          initial,
          acknowledges: config.acknowledges,
        },
        {
          report: (report) => {
            if (report.kind === 'progress') received = report.received;
            listener.report(report);
          },
          failed: (failure) => listener.failed(failure),
        },
      ),
    probe,
    eyes: actingKeys === undefined ? eyes : withKeys(eyes, actingKeys, side),
    readActingKeys: async () => keysInNames(await keptKeys(), names.ofSource),
    newDecoder:
      translation === undefined
        ? newDecoder
        : (keys) => translatedDecoder(newDecoder(keysInNames(keys, names.ofTarget)), names.ofSource),
    // What the source does not carry does not come: a publication lists what is managed, and Teal's own tables; triggers are on the same.
    managed: (table) => table.schema !== 'teal',
    log,
  };
}
