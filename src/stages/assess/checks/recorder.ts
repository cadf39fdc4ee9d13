import { valueOr } from '../../../model/facts.ts';
import { finding, readsLog, type Finding, type Situation } from '../finding.ts';
import { countText } from '../text.ts';

/** Of a row that is recorded, by `src/systems/postgres/trigger-source/README.md`. */
const microsecondsPerRow = 50;

/** What it costs blue to be followed by triggers, and what they cannot record. Whatever else they need is the same as for the fence. */
export function checkRecorder(situation: Situation): readonly Finding[] {
  if (readsLog(situation, 'blue')) return [];
  const { encoding } = situation.blue.facts;
  const found: Finding[] = [];
  if (situation.method === 'triggers') found.push(costOfTriggers(situation));
  if (encoding.known && encoding.value.encoding === 'SQL_ASCII') {
    found.push(
      finding('ASSESS-RECORDER-ENCODING', {
        side: 'blue',
        object: 'SQL_ASCII',
        what: 'The encoding of blue is SQL_ASCII.',
        why: 'Its texts are bytes of no known encoding: they would be changed on their way. The log carries them as they are.',
        mend: '-- in the migration file:\n-- follow: { method: log }',
      }),
    );
  }
  return found;
}

function costOfTriggers(situation: Situation): Finding {
  return finding('ASSESS-RECORDER', {
    side: 'blue',
    object: 'follow.method',
    what: `Triggers write every change of blue once more, an update with its old row too${loadText(situation)}.`,
    why:
      'Writes on blue take longer, its disk holds the changes until the flow has them, and during the copy also those that it has. A disk that is full stops writes. ' +
      'A row whose text is longer than 1 GB cannot be written. Whoever disables these triggers ends the migration. Where the log may be read, `follow: { method: log }` costs blue next to nothing.',
  });
}

/** What the counted writes would have cost; empty where nobody has counted. */
function loadText({ blue, managed }: Situation): string {
  const { tables, sinceSeconds } = valueOr(blue.facts.writes, { tables: [] });
  const isManaged = new Set(managed.map(({ schema, name }) => JSON.stringify([schema, name])));
  const rows = tables
    .filter(({ schema, name }) => isManaged.has(JSON.stringify([schema, name])))
    .reduce((sum, { inserted, updated, deleted }) => sum + Number(inserted + updated + deleted), 0);
  if (sinceSeconds === undefined || sinceSeconds <= 0 || rows === 0) return '';
  const perSecond = rows / sinceSeconds;
  const share = (perSecond * microsecondsPerRow) / 10_000;
  return `: at the average of ${countText(Math.ceil(perSecond))} rows a second ${share < 1 ? 'less than 1' : `about ${countText(share)}`} % of one core`;
}
