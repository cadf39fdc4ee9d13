import type { ChangeDecoder, SourceProbe, StreamLease } from '../../ports/change-source.ts';
import type { SchemaEyes } from '../../ports/schemas.ts';
import type { Sink } from '../../ports/sink.ts';
import type { ActingKey } from '../../model/acting-keys.ts';
import type { TableName } from '../../model/catalog.ts';
import type { Position } from '../../model/position.ts';
import type { Failure, ReceiverReport } from '../../sync/receiver.ts';
import type { TableStarts } from '../../sync/starts.ts';

/** What goes to a receiver that runs on a thread of its own. */
export interface ReceiverHandle extends AsyncDisposable {
  /** Segments were removed from the spool. */
  removed(bytes: number): void;
  /** The target holds all up to here, on its disk. */
  applied(upTo: Position): void;
  /** See `Receiver.leaveOutReplayed`. */
  leaveOutReplayed(upTo: Position | undefined): void;
}

export interface ReceiverListener {
  readonly report: (report: ReceiverReport) => void;
  /** It has ended, and will not go on by itself. */
  readonly failed: (failure: Failure) => void;
}

/** What a worker is composed of. Each `open…` may be called again after its product was disposed of. */
export interface CarrierDeps {
  readonly takeLease: (signal: AbortSignal) => Promise<StreamLease>;
  readonly openSink: (signal: AbortSignal) => Promise<Sink>;
  readonly startReceiver: (initial: Position, listener: ReceiverListener) => ReceiverHandle;
  readonly probe: SourceProbe;
  readonly eyes: SchemaEyes;
  /** Foreign keys of the source that act and whose cascades its log does not hold, as they were when the flow began; asked before each applying. */
  readonly readActingKeys: () => Promise<readonly ActingKey[]>;
  /** With the keys of which it must tell what they refer to. */
  readonly newDecoder: (keys: readonly ActingKey[]) => ChangeDecoder;
  /** What the copy has left on the target, of this flow's source; asked before each applying. */
  readonly readStarts: (signal: AbortSignal) => Promise<TableStarts>;
  readonly managed: (table: TableName) => boolean;
  /** One line of the worker's log. */
  readonly log: (text: string) => void;
}
