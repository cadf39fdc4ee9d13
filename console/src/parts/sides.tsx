import type { ReactNode } from 'react';
import { bytesText, countText, durationText, plural } from '../pure/format.ts';
import type { Flow, MigrationAnswer, Rates } from '../types.ts';

interface Props {
  readonly migration: MigrationAnswer | undefined;
  readonly rates: Rates | undefined;
}

/** Clients, the side that is live, and how the other one follows it. */
export function Sides({ migration, rates }: Props): ReactNode {
  const live = migration?.live ?? 'blue';
  const flows = rates?.flows ?? migration?.flows ?? [];
  return (
    <div className="sides">
      <Panel side="blue" live={live} proxy={rates?.proxy} />
      <ul className="flows" aria-label="Flows">
        {(['forward', 'reverse'] as const).map((name) => (
          <FlowLine key={name} name={name} flow={flows.find(({ flow }) => flow === name)} />
        ))}
      </ul>
      <Panel side="green" live={live} proxy={rates?.proxy} />
    </div>
  );
}

interface PanelProps {
  readonly side: 'blue' | 'green';
  readonly live: 'blue' | 'green';
  readonly proxy: Rates['proxy'];
}

function Panel({ side, live, proxy }: PanelProps): ReactNode {
  const isLive = side === live;
  const clients =
    proxy?.pointsTo === side
      ? `${plural(proxy.clients, 'client')} by the proxy${proxy.mode === 'holding' ? ', held' : ''}`
      : isLive
        ? 'owns the data'
        : 'follows';
  return (
    <div className="panel" data-side={side} data-live={isLive || undefined}>
      <span className="panel-name">{side}</span>
      <span className="panel-state">{isLive ? 'live' : 'not live'}</span>
      <span className="panel-more">{clients}</span>
    </div>
  );
}

function FlowLine({
  name,
  flow,
}: {
  readonly name: 'forward' | 'reverse';
  readonly flow: Flow | undefined;
}): ReactNode {
  const { tone, text } = flowText(flow);
  return (
    <li className="flow" data-flow={name} data-tone={tone}>
      <span className="flow-arrow" aria-hidden="true" />
      <span className="flow-name">{name}</span>
      <span className="flow-text">{text}</span>
    </li>
  );
}

function flowText(flow: Flow | undefined): { readonly tone: string; readonly text: string } {
  if (flow === undefined) return { tone: 'off', text: 'does not run' };
  const { now, mode, lagMs, lagBytes, changesPerSecond, rogueTransactions } = flow;
  if (now.state !== 'running') return { tone: now.state === 'paused' ? 'off' : 'bad', text: now.state };
  if (rogueTransactions > 0) {
    const many = rogueTransactions === 1 ? 'a write that is' : `${countText(rogueTransactions)} writes that are`;
    return { tone: 'bad', text: `${many} not Teal's` };
  }
  const lag = lagMs === undefined ? `${bytesText(lagBytes)} behind` : `${durationText(lagMs)} behind`;
  if (mode === 'shadow') return { tone: 'shadow', text: `in shadow, ${lag}` };
  return { tone: 'live', text: `${lag}, ${countText(changesPerSecond)} changes/s` };
}
