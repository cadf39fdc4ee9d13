import type { ReactNode } from 'react';
import { durationText } from '../pure/format.ts';
import type { MigrationAnswer } from '../types.ts';
import { Quiet } from './card.tsx';
import { DataTable } from './data-table.tsx';
import { Side } from './side.tsx';

type Cut = MigrationAnswer['cuts'][number];

/** Every cut that was tried, the newest first, with what it has cost. */
export function Cuts({ cuts }: { readonly cuts: readonly Cut[] }): ReactNode {
  if (cuts.length === 0) return <Quiet>No cut was made yet.</Quiet>;
  return (
    <DataTable
      caption="Cuts, the newest first"
      rows={cuts.toReversed()}
      keyOf={({ cut }) => cut}
      columns={[
        { title: 'Cut', isName: true, cell: ({ cut }) => <code>{cut}</code> },
        { title: 'To', cell: ({ to }) => <Side side={to} /> },
        { title: 'Clients waited', isNumber: true, cell: waitOf },
        { title: 'End', cell: ({ end }) => end },
      ]}
    />
  );
}

function waitOf({ pauseMs, held }: Cut): string {
  if (pauseMs === undefined) return '–';
  return held === false ? `writes refused ≤ ${durationText(pauseMs)}` : durationText(pauseMs);
}
