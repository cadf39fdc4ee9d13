import type { ReactNode } from 'react';
import { Answered } from '../parts/answered.tsx';
import { Card, Quiet, Tag } from '../parts/card.tsx';
import { DataTable } from '../parts/data-table.tsx';
import { Tile } from '../parts/tile.tsx';
import { countText, durationText, latencyText, percentText } from '../pure/format.ts';
import { useAnswer, useConsole } from '../state/hooks.ts';
import type { ShadowAnswer } from '../types.ts';

type Found = NonNullable<ShadowAnswer['found']>;
type Tally = Found['writes'];
type Statement = Tally['statements'][number];

/** What green answers to what clients read, and what it says to what they write. */
export function ShadowPage(): ReactNode {
  const { version, rates } = useConsole();
  const watching = rates?.progress?.step === 'shadow:watch' ? Date.parse(rates.atIso) : 0;
  const answer = useAnswer<ShadowAnswer>('api/v1/shadow', version + watching);
  return (
    <Answered answer={answer} what="the shadow reads">
      {({ asked, found }) => {
        if (!asked) {
          return (
            <Quiet>
              The file asks for none. <code>{'shadow: { reads: 10%, for: 24h }'}</code> puts a share of what clients
              read to green too, and compares the answers before the cut.
            </Quiet>
          );
        }
        return found === undefined ? (
          <Quiet>No proxy answers: reads are compared where they pass.</Quiet>
        ) : (
          <Findings found={found} />
        );
      }}
    </Answered>
  );
}

function Findings({ found }: { readonly found: Found }): ReactNode {
  const { writes, watchedMs, scratch } = found;
  const isOfWrites = writes.share > 0 || writes.compared > 0;
  const isOfReads = found.share > 0 || found.compared > 0 || !isOfWrites;
  return (
    <>
      {isOfReads ? <Kind found={found} watchedMs={watchedMs} words={wordsOfReads} /> : null}
      {isOfWrites ? (
        <Kind found={writes} watchedMs={watchedMs} words={scratch === undefined ? wordsOfWrites : wordsOnCopy} />
      ) : null}
    </>
  );
}

const wordsOfReads = {
  kind: 'reads',
  real: 'have another answer on green',
  none: 'were compared, and none has another answer on green',
} as const;
const wordsOfWrites = {
  kind: 'writes',
  real: 'are refused by green',
  none: 'were repeated on green and rolled back, and none is refused',
} as const;
const wordsOnCopy = { ...wordsOfWrites, none: 'were repeated on a copy of green, and none is refused' } as const;

interface KindProps {
  readonly found: Tally;
  readonly watchedMs: number;
  readonly words: typeof wordsOfReads | typeof wordsOfWrites | typeof wordsOnCopy;
}

function Kind({ found, watchedMs, words }: KindProps): ReactNode {
  const skipped = Object.entries(found.skipped);
  return (
    <>
      <p className="verdict" data-tone={found.real > 0 ? 'bad' : 'good'}>
        {found.compared === 0
          ? `No ${words.kind} were compared yet.`
          : found.real > 0
            ? `${countText(found.real)} of ${countText(found.compared)} ${words.kind} ${words.real}.`
            : `${countText(found.compared)} ${words.kind} ${words.none}.`}
      </p>
      <dl className="tiles">
        <Tile label={`Share of ${words.kind}`} value={found.share === 0 ? 'ended' : percentText(found.share)} />
        <Tile label="Watched for" value={durationText(watchedMs)} />
        <Tile label="Equal" value={countText(found.equal)} />
        <Tile label="Lag" value={countText(found.lag)} />
        {words.kind === 'reads' ? <Tile label="Volatile" value={countText(found.volatile)} /> : null}
        {words.kind === 'writes' ? <Tile label="Not told why" value={countText(found.unsettled)} /> : null}
        <Tile label="No answer of green" value={countText(found.unanswered)} />
        <Tile label="Left out, too many" value={countText(found.shed)} />
      </dl>
      <Card title={`${words.kind === 'reads' ? 'Reads' : 'Writes'} by statement`}>
        {found.statements.length === 0 ? (
          <Quiet>No statement yet.</Quiet>
        ) : (
          <DataTable
            caption={`Statements of ${words.kind}, real differences first`}
            rows={found.statements.slice(0, 100)}
            keyOf={({ statement }) => statement}
            columns={[
              { title: 'Statement', isName: true, cell: (statement) => <Named statement={statement} /> },
              { title: 'Compared', isNumber: true, cell: ({ compared }) => countText(compared) },
              {
                title: words.kind === 'reads' ? 'Differ' : 'Refused',
                isNumber: true,
                cell: ({ real }) => (real > 0 ? <Tag tone="bad">{countText(real)}</Tag> : '0'),
              },
              { title: 'Blue p50 / p95', isNumber: true, cell: ({ blue }) => latencyText(blue) },
              {
                title: 'Green p50 / p95',
                isNumber: true,
                cell: ({ green, slower }) =>
                  slower ? <Tag tone="waits">{latencyText(green)}</Tag> : latencyText(green),
              },
            ]}
          />
        )}
      </Card>
      {skipped.length === 0 ? null : (
        <Card title="Not asked of green">
          <ul className="lines">
            {skipped.map(([why, count]) => (
              <li key={why}>
                <b>{countText(count)}</b> {why}
              </li>
            ))}
          </ul>
        </Card>
      )}
    </>
  );
}

function Named({ statement: { statement, example } }: { readonly statement: Statement }): ReactNode {
  return (
    <>
      <code className="statement">{statement}</code>
      {example === undefined ? null : (
        <span className="line-more">
          Differs in {example.kind}: blue {example.blue}, green {example.green}
        </span>
      )}
    </>
  );
}
