import { wordsOf, type Moved } from '../kernel/vocabulary.ts';
import { readPartitions } from '../model/log-offsets.ts';
import type { Certificate, CertificateTable } from './certificate.ts';

/** The certificate for people, in Markdown. Everything in it is in the JSON, whose sum it names. `moved`: what its tables are. */
export function renderCertificate(certificate: Certificate, moved: Moved = 'tables'): string {
  const { place, others } = wordsOf(moved);
  const { title, columns, align, lines } = moved === 'topics' ? topicsOf(certificate) : tablesOf(certificate);
  return [
    `# Certificate: ${certificate.migration}`,
    '',
    headline(certificate, moved),
    '',
    `| | side | version | address | ${place} | ${moved === 'topics' ? 'begun' : 'snapshot'} |`,
    '|---|---|---|---|---|---|',
    ...(['live', 'other'] as const).map((role) => {
      const { side, version, address, position, snapshotAt } = certificate[role];
      return `| ${role} | ${side} | ${cell(version)} | ${cell(address)} | ${position} | ${snapshotAt} |`;
    }),
    '',
    `Flow ${certificate.flow}. Started ${certificate.startedAt}, took ${seconds(certificate.durationMs)}; the carrier stood still for ${certificate.heldMs} ms.`,
    '',
    `## ${title}`,
    '',
    columns,
    align,
    ...lines,
    '',
    `## ${others}`,
    '',
    ...objectLines(certificate),
    '',
    `sha256 of the JSON: \`${certificate.sha256}\``,
    '',
  ].join('\n');
}

interface Sheet {
  readonly title: string;
  readonly columns: string;
  readonly align: string;
  readonly lines: readonly string[];
}

function tablesOf({ tables }: Certificate): Sheet {
  return {
    title: 'Tables',
    columns:
      '| table | outcome | rows on blue | rows on green | digest on blue | digest on green | compared by | note |',
    align: '|---|---|---:|---:|---|---|---|---|',
    lines: tables.map(tableLine),
  };
}

/** Of an equal topic both sides say the same: it is told once. */
function topicsOf({ tables, live }: Certificate): Sheet {
  const partitions = readPartitions(live.position);
  return {
    title: 'Topics',
    columns: '| topic | outcome | partitions | records | digest | compared by | note |',
    align: '|---|---|---:|---:|---|---|---|',
    lines: tables.map((table) => {
      const { name, outcome, rows, digest, keyed } = table;
      const by = keyed === true ? 'the newest of each key' : 'every record';
      const counts = [String(partitions?.get(name) ?? ''), rows?.blue ?? ''];
      const note = cell(table.reason ?? '');
      return `| ${[cell(name), outcome, ...counts, short(digest?.blue), by, note].join(' | ')} |`;
    }),
  };
}

function headline(certificate: Certificate, moved: Moved): string {
  const { things, parts } = wordsOf(moved);
  const { position, side } = certificate.live;
  const at = moved === 'topics' ? `the offsets of ${side} below` : `position ${position} of ${side}`;
  const tables = `${certificate.tables.length} ${things}`;
  const said = {
    equal: `**Equal**: all ${parts} of ${tables} are the same on both sides at ${at}.`,
    differs: `**Different**: of ${tables}, at least one differs at ${at}.`,
    unsettled: `**Unsettled**: of ${tables}, no difference was found at ${at}, but at least one could not be compared.`,
  }[certificate.result];
  return certificate.precision === 'full' ? said : `${said} Columns were left out: see the notes.`;
}

function tableLine(table: CertificateTable): string {
  const { rows, digest } = table;
  const cells = [
    cell(`${table.schema}.${table.name}`),
    table.outcome,
    rows?.blue ?? '',
    rows?.green ?? '',
    short(digest?.blue),
    short(digest?.green),
    table.form ?? '',
    cell(notes(table).join('; ')),
  ];
  return `| ${cells.join(' | ')} |`;
}

function notes(table: CertificateTable): readonly string[] {
  const found = table.differences;
  const counts: readonly (readonly [number, string])[] =
    found === undefined
      ? []
      : [
          [found.missing.blue, 'missing on blue'],
          [found.missing.green, 'missing on green'],
          [found.different, 'different'],
        ];
  const columns = Object.entries(found?.columns ?? {}).map(([name, times]) => `${name} ${times}×`);
  return [
    ...(table.reason === undefined ? [] : [table.reason]),
    ...counts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`),
    ...(columns.length === 0 ? [] : [`columns ${columns.join(', ')}`]),
    ...(table.keyed === false ? ['no key: rows are told apart by all their columns'] : []),
    ...table.leftOut.map(({ column, why }) => `left out: ${column} (${why})`),
    ...(table.differentTypes.length === 0 ? [] : [`other type, compared as text: ${table.differentTypes.join(', ')}`]),
  ];
}

function objectLines(certificate: Certificate): readonly string[] {
  const { compared, differences } = certificate.objects;
  const counts = Object.entries(compared).map(([kind, number]) => `${kind} ${number}`);
  return [
    `Compared: ${counts.join(', ') || 'none'}.`,
    ...differences.map(({ kind, name, what }) => `- ${kind} ${cell(name)}: ${what}`),
  ];
}

function short(digest: string | undefined): string {
  return digest === undefined ? '' : `\`${digest.slice(0, 16)}…\``;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** A name may hold anything: it must not break out of its cell. */
function cell(text: string): string {
  return text.replace(/[\\|`*_[\]<>]/g, '\\$&').replace(/\s+/g, ' ');
}
