/** A version of a subject, as a schema registry keeps it. Records name it by its id, in the bytes before their value. */
export interface RegisteredSchema {
  readonly subject: string;
  readonly version: number;
  readonly id: number;
  /** `AVRO`, `JSON`, `PROTOBUF`. */
  readonly type: string;
  readonly schema: string;
  readonly references: readonly SchemaReference[];
  /** Softly: it is listed no more, and records are still read by it. */
  readonly isDeleted: boolean;
}

export interface SchemaReference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

/** What a registry holds, in the order of subjects and versions. */
export interface RegistryContent {
  /** Without user and password. */
  readonly address: string;
  /** Of subjects that say nothing themselves: `BACKWARD`. */
  readonly compatibility: string;
  readonly schemas: readonly RegisteredSchema[];
  /** By subject, where it has one of its own. */
  readonly ownCompatibility: ReadonlyMap<string, string>;
}

export interface RegistryDifferences {
  /** Versions that the other registry lacks. */
  readonly missing: readonly RegisteredSchema[];
  /** Sentences: a version that is another schema or has another id there, an id that is another schema there. */
  readonly conflicts: readonly string[];
}

/** What has to be in `other` so that records that name schemas of `own` mean the same there. What `other` has beyond is no difference. */
export function compareRegistries(own: RegistryContent, other: RegistryContent): RegistryDifferences {
  const there = new Map(other.schemas.map((each) => [versionKey(each), each]));
  const byId = new Map(other.schemas.map((each) => [each.id, each]));
  const missing: RegisteredSchema[] = [];
  const conflicts: string[] = [];
  for (const schema of own.schemas) {
    const found = there.get(versionKey(schema));
    const sameId = byId.get(schema.id);
    const name = `${schema.subject} version ${schema.version}`;
    if (found !== undefined && found.id !== schema.id) {
      conflicts.push(`${name} has id ${schema.id} here and ${found.id} there`);
    } else if (found !== undefined && !isSameSchema(schema, found)) {
      conflicts.push(`${name} is another schema there`);
    } else if (sameId !== undefined && !isSameSchema(schema, sameId)) {
      conflicts.push(`id ${schema.id} of ${name} is ${sameId.subject} version ${sameId.version} there`);
    } else if (found === undefined) missing.push(schema);
  }
  return { missing, conflicts };
}

function versionKey({ subject, version }: RegisteredSchema): string {
  return `${version}:${subject}`;
}

/** By what it says: a registry may write JSON with other blanks. */
function isSameSchema(one: RegisteredSchema, other: RegisteredSchema): boolean {
  return one.type === other.type && canonical(one.schema) === canonical(other.schema);
}

function canonical(schema: string): string {
  try {
    return JSON.stringify(JSON.parse(schema));
  } catch {
    // Protobuf is no JSON.
    return schema.trim();
  }
}
