import { sqlStateOf } from './errors.ts';
import type { SchemaItem } from './schema-script.ts';

const notPermitted = '42501';
const noSuchObject = '42704';

/** Without them no query of a client fails; what they are about is the system's or a superuser's, and nobody else can bring them. */
const dispensable: ReadonlySet<string> = new Set(['ACL', 'COMMENT', 'DEFAULT ACL', 'EVENT TRIGGER', 'SECURITY LABEL']);

const givenAway = /\n*ALTER ([A-Z ]+?) ([^\n]*) OWNER TO ("(?:[^"]|"")+"|[\w$]+);\s*$/;

/**
 * For a role that is no superuser. An owner must have CREATE on the schema at the moment at which it gets an object, whether it had it on the source or not: it gets
 * it for the length of the transaction. An owner that this role is no member of cannot be given anything; the object then stays with this role, as it does under
 * `pg_restore --no-owner`. Returns in words what is otherwise than on the source. `run` is one transaction.
 */
export async function makeAsFarAsAllowed(
  item: SchemaItem,
  sql: string,
  run: (text: string, lacks?: string) => Promise<unknown>,
): Promise<readonly string[]> {
  const owner = givenAway.exec(sql);
  const tries = [{ text: sql, left: [] as string[] }];
  if (owner !== null) {
    const [, , , role = ''] = owner;
    const schema = item.schema === '-' ? undefined : `"${item.schema.replaceAll('"', '""')}"`;
    if (schema !== undefined) {
      const text = `grant create on schema ${schema} to ${role};\n${sql}\nrevoke create on schema ${schema} from ${role};`;
      tries.push({ text, left: [] });
    }
    const text = sql.slice(0, owner.index);
    tries.push({ text, left: [`${item.type.toLowerCase()} ${item.name} is not owned by ${role}`] });
  }
  if (dispensable.has(item.type)) {
    tries.push({ text: '', left: [`${item.type.toLowerCase()} of ${item.name} is left out`] });
  }
  for (const [index, { text, left }] of tries.entries()) {
    try {
      await run(text, left[0]);
      return left;
    } catch (error) {
      const state = sqlStateOf(error);
      // A comment on an event trigger that was left out.
      const isRefused = state === notPermitted || (state === noSuchObject && item.type === 'COMMENT');
      if (!isRefused || index === tries.length - 1) throw error;
    }
  }
  return [];
}
