import { compareRegistries, type RegisteredSchema, type RegistryContent } from '../../../model/schema-registry.ts';
import { countOf, finding, look, type Finding } from '../finding.ts';
import type { InventorySection } from '../inventory.ts';
import { shellText, type KafkaSideView, type KafkaSituation } from './situation.ts';

/** Records name their schemas by ids of blue's registry: on green they mean what they meant where the same ids are the same schemas. */
export function checkRegistries({ blue, green }: KafkaSituation): readonly Finding[] {
  if (blue.registry === undefined || green.registry === undefined) return [];
  const ofGreen = green.registry;
  return look(blue.registry, 'blue', 'schema registry', (own) =>
    look(ofGreen, 'green', 'schema registry', (other) => [
      ...checkSchemas(own, other),
      ...checkCompatibility(own, other),
    ]),
  );
}

/** As many commands as a person reads. */
const commandsShown = 20;

function checkSchemas(own: RegistryContent, other: RegistryContent): readonly Finding[] {
  const { missing, conflicts } = compareRegistries(own, other);
  const subjects = [...new Set(missing.map(({ subject }) => subject))];
  const inOrder = missing.toSorted((a, b) => a.id - b.id || a.version - b.version);
  const commands = inOrder.slice(0, commandsShown).map((schema) => importCommand(own, other, schema));
  const more = missing.length > commandsShown ? [`# and ${missing.length - commandsShown} versions more`] : [];
  return [
    ...(conflicts.length === 0
      ? []
      : [
          finding('ASSESS-KAFKA-REGISTRY-CONFLICT', {
            side: 'green',
            object: other.address,
            what: `${countOf('schema', conflicts)} of blue ${conflicts.length === 1 ? 'is' : 'are'} something else in the registry of green.`,
            why: 'Records name their schemas by id: on green they would be read by another schema, or not at all.',
            mend: '# delete those subjects from the registry of green for good, where nobody uses them:\n# curl -X DELETE …/subjects/SUBJECT, then …/subjects/SUBJECT?permanent=true; or move to an empty registry',
          }),
        ]),
    ...(missing.length === 0
      ? []
      : [
          finding('ASSESS-KAFKA-REGISTRY-MISSING', {
            side: 'green',
            object: other.address,
            what: `The registry of green lacks ${missing.length} version${missing.length === 1 ? '' : 's'} of ${countOf('subject', subjects)}.`,
            why: 'Teal copies them with their ids before it copies records. Without them no consumer on green can read what blue’s producers have written.',
            mend: [
              '# what the copy does, by hand: in the order of ids, each subject in IMPORT mode meanwhile (with -u where a registry asks who it is)',
              ...commands,
              ...more,
            ].join('\n'),
          }),
        ]),
  ];
}

function importCommand({ address }: RegistryContent, other: RegistryContent, schema: RegisteredSchema): string {
  const subject = encodeURIComponent(schema.subject);
  const put = (mode: string): string =>
    `curl -X PUT -H 'content-type: application/json' -d '{"mode":"${mode}"}' ${shellText(`${other.address}/mode/${subject}?force=true`)}`;
  const version = `/subjects/${subject}/versions/${schema.version}?deleted=true`;
  return [
    put('IMPORT'),
    `curl -s ${shellText(`${address}${version}`)} | curl -X POST -H 'content-type: application/json' -d @- ${shellText(`${other.address}/subjects/${subject}/versions`)}`,
    put('READWRITE'),
  ].join(' && ');
}

function checkCompatibility(own: RegistryContent, other: RegistryContent): readonly Finding[] {
  if (own.compatibility === other.compatibility) return [];
  return [
    finding('ASSESS-KAFKA-REGISTRY-COMPATIBILITY', {
      side: 'green',
      object: other.address,
      what: `New schemas must be ${own.compatibility} on blue and ${other.compatibility} on green, where a subject says nothing itself.`,
      why: 'After the cut a change of a schema is refused that was allowed before, or allowed that consumers cannot read.',
      mend: `curl -X PUT -H 'content-type: application/json' -d '{"compatibility":"${own.compatibility}"}' ${shellText(`${other.address}/config`)}`,
    }),
  ];
}

function contentOf({ registry }: KafkaSideView): RegistryContent | undefined {
  return registry?.known === true ? registry.value : undefined;
}

/** Of blue's registry; none where the file names no registry. */
export function subjectsSection({ blue, green }: KafkaSituation): InventorySection {
  const own = contentOf(blue);
  const other = contentOf(green);
  const bySubject = Map.groupBy(own?.schemas ?? [], ({ subject }) => subject);
  const missing = own === undefined || other === undefined ? undefined : compareRegistries(own, other);
  const lacks = new Set(missing?.missing.map(({ subject }) => subject));
  return {
    title: 'Subjects of the schema registry',
    about: 'Of blue’s. Ids stand in records; in brackets what is deleted softly, by which records may still be read.',
    columns: ['subject', 'kind', 'versions', 'ids', 'compatibility', 'on green'],
    rows: [...bySubject].map(([subject, schemas]) => {
      const shown = (of: (schema: RegisteredSchema) => number): string =>
        schemas.map((schema) => (schema.isDeleted ? `(${of(schema)})` : String(of(schema)))).join(', ');
      return [
        subject,
        [...new Set(schemas.map(({ type }) => type))].join(', '),
        shown(({ version }) => version),
        shown(({ id }) => id),
        own?.ownCompatibility.get(subject) ?? `${own?.compatibility} (of all)`,
        missing === undefined ? 'unknown' : lacks.has(subject) ? 'not all' : 'yes',
      ];
    }),
  };
}
