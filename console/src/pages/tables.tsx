import { useId, useState, type ReactNode } from 'react';
import { Answered } from '../parts/answered.tsx';
import { Quiet, Tag } from '../parts/card.tsx';
import { DataTable } from '../parts/data-table.tsx';
import { bytesText, countText, percentText, plural, timeText } from '../pure/format.ts';
import { useAnswer, useConsole, useNow } from '../state/hooks.ts';
import type { TablesAnswer } from '../types.ts';

type Row = TablesAnswer['tables'][number];
const shownAtOnce = 200;

/** What moves: how large it is, how far the copy is, and whether it was proved equal. */
export function TablesPage(): ReactNode {
  const { version, rates } = useConsole();
  const progress = rates?.progress?.parts === undefined ? '' : (rates.atIso ?? '');
  // While rows are copied it is asked with every rate; else when the journal has something new.
  const answer = useAnswer<TablesAnswer>('api/v1/tables', version + (progress === '' ? 0 : Date.parse(progress)));
  return (
    <Answered answer={answer} what="the tables">
      {(told) => <Tables told={told} />}
    </Answered>
  );
}

function Tables({ told }: { readonly told: TablesAnswer }): ReactNode {
  const [wanted, setWanted] = useState('');
  const id = useId();
  const now = useNow();
  const { moves, copied, copying, tables } = told;
  const shares = new Map(copying.map(({ table, share }) => [table, share]));
  if (tables.length === 0)
    return <Quiet>What moves is written down when the migration begins. The plan tells it before.</Quiet>;
  const found = tables.filter(({ table }) => table.toLowerCase().includes(wanted.toLowerCase()));
  const bytes = tables.reduce((sum, table) => sum + (table.bytes ?? 0), 0);
  const equal = tables.filter(({ compared }) => compared?.outcome === 'equal').length;
  const newest = tables.find(({ compared }) => compared !== undefined)?.compared;
  return (
    <>
      <p className="lead">
        {plural(tables.length, moves === 'topics' ? 'topic' : 'table')}
        {bytes > 0 ? `, ${bytesText(bytes)} on blue` : ''}.{' '}
        {newest === undefined
          ? 'Not compared yet.'
          : `${countText(equal)} of them equal at ${timeText(newest.atIso, now)}.`}
      </p>
      <div className="field inline">
        <label htmlFor={id}>Find</label>
        <input id={id} type="search" value={wanted} onChange={(event) => setWanted(event.target.value)} />
        <span className="quiet">
          {found.length > shownAtOnce
            ? `the largest ${shownAtOnce} of ${countText(found.length)}`
            : `${countText(found.length)} shown`}
        </span>
      </div>
      <DataTable
        caption="Tables, the largest first"
        rows={found.slice(0, shownAtOnce)}
        keyOf={({ table }) => table}
        columns={[
          { title: moves === 'topics' ? 'Topic' : 'Table', isName: true, cell: ({ table }) => table },
          { title: 'Rows, about', isNumber: true, cell: ({ rows }) => (rows === undefined ? '–' : countText(rows)) },
          { title: 'Size', isNumber: true, cell: ({ bytes: size }) => (size === undefined ? '–' : bytesText(size)) },
          { title: 'Told apart by', cell: ({ toldApartBy }) => toldApartBy ?? '–' },
          { title: 'Copy', cell: ({ table }) => <Copied copied={copied} share={shares.get(table)} /> },
          { title: 'Compared', cell: (row) => <Compared row={row} /> },
          { title: 'Rows compared', isNumber: true, cell: rowsCompared },
        ]}
      />
    </>
  );
}

function Copied({
  copied,
  share,
}: {
  readonly copied: TablesAnswer['copied'];
  readonly share: number | undefined;
}): ReactNode {
  if (share !== undefined)
    return (
      <span className="share">
        <progress value={share} max={1} aria-label="copied" /> {percentText(share)}
      </span>
    );
  if (copied === 'yes') return <Tag tone="good">copied</Tag>;
  if (copied === 'now') return <span className="quiet">waits, or done</span>;
  return <span className="quiet">{copied}</span>;
}

const tones = { equal: 'good', differs: 'bad', absent: 'bad', unsettled: 'waits' } as const;

function Compared({ row: { compared } }: { readonly row: Row }): ReactNode {
  if (compared === undefined) return <span className="quiet">not yet</span>;
  return (
    <span title={compared.reason}>
      <Tag tone={tones[compared.outcome]}>{compared.outcome}</Tag>
    </span>
  );
}

function rowsCompared({ compared }: Row): string {
  if (compared?.rows === undefined) return '–';
  const { blue, green } = compared.rows;
  return blue === green ? countText(blue) : `${countText(blue)} / ${countText(green)}`;
}
