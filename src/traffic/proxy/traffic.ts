import type { Side } from '../../model/catalog.ts';
import type { ServedCounter } from '../../model/served.ts';
import type { BackendLink } from './backend-link.ts';
import type { Canary } from './canary/canary.ts';
import type { PostgresCapture } from './capture/postgres.ts';
import type { BackendLogin, ConnectResult } from './connector.ts';
import type { CustomSettings } from './custom-settings.ts';
import type { Shadow } from './shadow/shadow.ts';
import type { TypeNumbers } from './type-numbers.ts';

/** What a session asks of those who direct the traffic. */
export interface Traffic<Session> {
  readonly side: Side;
  readonly holding: boolean;
  /** Where a session whose client gave these parameters goes. */
  sideOf(parameters: ReadonlyMap<string, string>): Side;
  readonly settings: CustomSettings;
  readonly counters: Counters;
  /** What clients meet on each side. */
  readonly served: Readonly<Record<Side, ServedCounter>>;
  /** Compares what clients read with what the other side would have answered. */
  readonly shadow: Pick<Shadow, 'tap'> | undefined;
  /** Has the other side answer reads of clients. */
  readonly canary: Pick<Canary, 'run'> | undefined;
  /** Records what clients ask. */
  readonly capture: Pick<PostgresCapture, 'recorder'>;
  /** How long a statement that met the fence may wait for an owner. */
  readonly stragglerMs: number;
  connect(side: Side, login: BackendLogin, signal: AbortSignal): Promise<ConnectResult>;
  types(from: Side, to: Side): Promise<TypeNumbers>;
  /** A backend that a session has left. It is ended when no client waits. */
  retire(link: BackendLink): void;
  /** The session reached a boundary, became ready, moved or ended. */
  changed(session: Session): void;
  log(event: string, facts: Readonly<Record<string, unknown>>): void;
  /** The session's statement met the fence and waits: who owns the data must be looked up. */
  fenced(): void;
  /** A transaction met the fence, and its client was told: nothing new may begin here until it is known who owns the data. */
  strayed(): void;
}

export interface Counters {
  queries: number;
  bytesIn: number;
  bytesOut: number;
}
