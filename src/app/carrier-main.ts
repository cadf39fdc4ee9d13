import { join } from 'node:path';
import { flowNames, pathsOfFolder, readConfig, type CarrierConfig } from '../carriers/embedded/config.ts';
import { runCarrierWorker } from '../carriers/embedded/worker.ts';
import type { CarrierDeps } from '../carriers/embedded/worker-ports.ts';
import { isoNow } from '../kernel/clock.ts';
import { TealError, describeError } from '../kernel/errors.ts';
import { redact } from '../kernel/redact.ts';
import { isSelected } from '../model/table-selection.ts';
import { flowSource } from '../ports/carrier.ts';
import { PgoutputDecoder } from '../systems/postgres/change-decoder.ts';
import { openPostgresSink } from '../systems/postgres/sink/sink.ts';
import { openSchemaEyes } from '../systems/postgres/schema-eyes.ts';
import { openSourceProbe } from '../systems/postgres/source-probe.ts';
import { takeStreamLease } from '../systems/postgres/stream-lease.ts';
import { readTableStarts } from '../systems/postgres/table-starts.ts';
import { sourceUrlVariable, targetUrlVariable } from './carrier-environment.ts';
import { tryLock } from './process-lock.ts';
import { startReceiverThread } from './start-receiver.ts';

/**
 * A carrier worker: `carrier-main.ts <config.json>`, addresses of source and target by the environment. It ends when it is told to (SIGTERM, or `retire` on its
 * control socket), never because whoever started it has gone. Standard error is its log.
 */
const log = (text: string): void => {
  process.stderr.write(`${isoNow()} ${redact(text)}\n`);
};

function environment(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new TealError('TEAL-CARRIERS-004', `${name} is not set`);
  return value;
}

function compose(config: CarrierConfig): CarrierDeps {
  const [sourceUrl, targetUrl] = [environment(sourceUrlVariable), environment(targetUrlVariable)];
  const { stream, slot, publication } = flowNames(config.migration, config.flow);
  return {
    takeLease: async (signal) => takeStreamLease(targetUrl, stream, signal),
    readStarts: async (signal) => readTableStarts(targetUrl, signal),
    openSink: async (signal) => openPostgresSink({ url: targetUrl, stream, signal }),
    startReceiver: (initial, listener) =>
      startReceiverThread(
        {
          url: sourceUrl,
          migration: config.migration,
          stream,
          slot,
          publication,
          spoolFolder: pathsOfFolder(config.folder).spool,
          spoolLimitBytes: config.spoolLimitBytes,
          initial,
        },
        listener,
      ),
    probe: openSourceProbe({
      url: sourceUrl,
      applicationName: `teal watch ${stream}`,
      slot,
      publication,
      side: flowSource(config.flow),
    }),
    eyes: openSchemaEyes({
      sourceUrl,
      targetUrl,
      applicationName: `teal look ${stream}`,
      side: flowSource(config.flow),
      publication,
      selected: (table) => isSelected(table, config.tables ?? {}),
    }),
    newDecoder: () => new PgoutputDecoder(),
    // The publication lists what is managed, and Teal's own tables.
    managed: (table) => table.schema !== 'teal',
    log,
  };
}

try {
  const config = await readConfig(process.argv[2] ?? '');
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  // The terminal of whoever started it may close; the flow goes on.
  process.on('SIGHUP', () => undefined);
  // Two that are started at the same moment, before either answers: one of them ends here.
  using lock = tryLock(join(config.folder, 'lock'));
  if (lock === undefined) log('another worker of this flow runs');
  else await runCarrierWorker(config, compose(config), stop.signal);
} catch (error) {
  log(describeError(error));
  process.exitCode = 1;
}
