import type { ReactNode } from 'react';
import { countText, durationText, timeText } from '../pure/format.ts';
import { useNow } from '../state/hooks.ts';
import type { CertificateSummary } from '../types.ts';
import { Quiet, Tag } from './card.tsx';
import { DataTable } from './data-table.tsx';

const tones = { equal: 'good', differs: 'bad', unsettled: 'waits' } as const;

/** Every kept comparison, the newest first. */
export function Certificates({ certificates }: { readonly certificates: readonly CertificateSummary[] }): ReactNode {
  const now = useNow();
  if (certificates.length === 0) return <Quiet>None was kept yet.</Quiet>;
  return (
    <DataTable
      caption="Comparisons, the newest first"
      rows={certificates}
      keyOf={({ name }) => name}
      columns={[
        { title: 'At', isName: true, cell: ({ startedAt }) => timeText(startedAt, now) },
        { title: 'Result', cell: ({ result }) => <Tag tone={tones[result]}>{result}</Tag> },
        { title: 'Tables', isNumber: true, cell: ({ tables }) => countText(tables) },
        { title: 'Not equal', isNumber: true, cell: ({ different }) => countText(different) },
        { title: 'Took', isNumber: true, cell: ({ durationMs }) => durationText(durationMs) },
        { title: 'Live side at', cell: ({ live }) => `${live.side} ${live.position}` },
        { title: 'Sum', cell: ({ sha256 }) => <code title={sha256}>{sha256.slice(0, 12)}…</code> },
      ]}
    />
  );
}
