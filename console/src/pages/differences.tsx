import { Fragment, type ReactNode } from 'react';
import { Actions } from '../parts/actions.tsx';
import { Answered } from '../parts/answered.tsx';
import { Card, Quiet } from '../parts/card.tsx';
import { Causes } from '../parts/causes.tsx';
import { Certificates } from '../parts/certificates.tsx';
import { DataTable } from '../parts/data-table.tsx';
import { RepairSql } from '../parts/repair.tsx';
import { countText, plural, timeText } from '../pure/format.ts';
import { shapesOf, type Shape } from '../pure/shapes.ts';
import { useAnswer, useConsole, useNow } from '../state/hooks.ts';
import type { CertificatesAnswer, DifferencesAnswer } from '../types.ts';

/** What the newest comparison found, by what the tables have in common. */
export function DifferencesPage(): ReactNode {
  const { version, commands } = useConsole();
  const answer = useAnswer<DifferencesAnswer>('api/v1/differences', version);
  const certificates = useAnswer<CertificatesAnswer>('api/v1/certificates', version);
  const isRunning = commands.some(({ state }) => state === 'running');
  return (
    <>
      <Answered answer={answer} what="the differences">
        {(found) => <Found found={found} />}
      </Answered>
      {isRunning ? null : <Actions actions={['verify']} />}
      <Card title="Comparisons">
        <Answered answer={certificates} what="the certificates">
          {({ certificates: all }) => <Certificates certificates={all} />}
        </Answered>
      </Card>
    </>
  );
}

function Found({ found }: { readonly found: DifferencesAnswer }): ReactNode {
  const now = useNow();
  const { certificate, startedAt, tables, objects } = found;
  if (certificate === undefined || startedAt === undefined) return <Quiet>Nothing was compared yet.</Quiet>;
  const at = timeText(startedAt, now);
  if (tables.length === 0 && objects.length === 0) {
    return (
      <p className="verdict" data-tone="good">
        Both sides were equal, row by row, at {at}.
      </p>
    );
  }
  return (
    <>
      <p className="verdict" data-tone="bad">
        {plural(tables.length, 'table')}
        {objects.length === 0 ? '' : ` and ${plural(objects.length, 'other object')}`} were not equal at {at}.
      </p>
      {shapesOf(tables).map((shape) => (
        <ShapeCard key={shape.id} shape={shape} />
      ))}
      {objects.length === 0 ? null : (
        <Card title="Other objects">
          <ul className="lines">
            {objects.map(({ kind, name, what }) => (
              <li key={`${kind} ${name}`}>
                {kind} <b>{name}</b>: {what}
              </li>
            ))}
          </ul>
        </Card>
      )}
      <p className="quiet">
        All rows are told at a terminal alone: <code>teal verify</code> prints their keys, and{' '}
        <code>teal verify --fix</code> repairs what it finds.
      </p>
    </>
  );
}

function ShapeCard({ shape }: { readonly shape: Shape }): ReactNode {
  return (
    <Card title={shape.title} more={<span className="quiet">{plural(shape.tables.length, 'table')}</span>}>
      <p className="quiet">Often: {shape.often}</p>
      <DataTable
        caption={`${shape.title}: the tables`}
        rows={shape.tables}
        keyOf={({ table }) => table}
        columns={[
          { title: 'Table', isName: true, cell: ({ table }) => table },
          {
            title: 'Missing on blue',
            isNumber: true,
            cell: ({ missing }) => (missing === undefined ? '–' : countText(missing.blue)),
          },
          {
            title: 'Missing on green',
            isNumber: true,
            cell: ({ missing }) => (missing === undefined ? '–' : countText(missing.green)),
          },
          {
            title: 'Rows that differ',
            isNumber: true,
            cell: ({ different }) => (different === undefined ? '–' : countText(different)),
          },
          { title: 'In', cell: ({ columns, reason }) => columnsText(columns) || reason || '–' },
        ]}
      />
      {shape.tables.map((table) => {
        const { table: name, causes = [], repair } = table;
        return (
          <Fragment key={name}>
            {causes.length === 0 ? null : <Causes table={name} causes={causes} />}
            {repair === undefined ? null : <RepairSql table={name} repair={repair} />}
          </Fragment>
        );
      })}
    </Card>
  );
}

function columnsText(columns: Readonly<Record<string, number>> = {}): string {
  return Object.entries(columns)
    .map(([name, count]) => `${name} (${countText(count)})`)
    .join(', ');
}
