import type { KafkaAcl, KafkaQuota } from '../../../model/kafka-facts.ts';
import { openSides } from '../both-sides.ts';
import { askerOf, type Asker } from '../inspect/asker.ts';
import { readAcls, readQuotas } from '../inspect/security.ts';
import type { KafkaLibrary } from '../library.ts';
import type { KafkaMove, KafkaRules } from '../roles.ts';

/** Rules for the topics of the move, for the groups that there are when it is asked, and for every transactional id: as blue has them. Quotas are of users and clients, not of topics: all of them. */
export function kafkaRules(move: KafkaMove, groups: () => Promise<readonly string[]>): KafkaRules {
  const lacking = async <T>(
    signal: AbortSignal | undefined,
    work: (green: Asker, lacks: Lacking) => Promise<T>,
  ): Promise<T> => {
    await using sides = await openSides(move, 'rules', signal);
    const [blue, green] = [askerOf(sides.blue.cluster.connection), askerOf(sides.green.cluster.connection)];
    return await work(green, await lackingOf(blue, green, move, await groups()));
  };
  return Object.freeze({
    missing: async (signal?: AbortSignal) =>
      lacking(signal, async (_green, { rules, quotas }) => [...rules.map(tellRule), ...quotas.map(tellQuota)]),
    create: async (signal?: AbortSignal) =>
      lacking(signal, async (green, { rules, quotas }) => {
        if (rules.length > 0) await createRules(green, rules);
        if (quotas.length > 0) await createQuotas(green, quotas);
        return { made: rules.length + quotas.length };
      }),
  });
}

interface Lacking {
  readonly rules: readonly KafkaAcl[];
  readonly quotas: readonly KafkaQuota[];
}

async function lackingOf(
  blue: Asker,
  green: Asker,
  { topics }: KafkaMove,
  groups: readonly string[],
): Promise<Lacking> {
  const [here, there] = [await readAcls(blue), await readAcls(green)];
  const known = new Set(there.entries.map(tellRule));
  const rules = here.entries.filter((rule) => concerns(rule, topics, groups) && !known.has(tellRule(rule)));
  const quotas = new Set((await readQuotas(green)).map(tellQuota));
  return {
    rules: there.enforced ? rules : [],
    quotas: (await readQuotas(blue)).filter((quota) => !quotas.has(tellQuota(quota))),
  };
}

function concerns(rule: KafkaAcl, topics: readonly string[], groups: readonly string[]): boolean {
  if (isOfFence(rule)) return false;
  if (rule.resourceType === 'TRANSACTIONAL_ID') return !rule.resourceName.startsWith('teal.');
  const names = rule.resourceType === 'TOPIC' ? topics : rule.resourceType === 'GROUP' ? groups : [];
  return names.some((name) => isNamed(rule, name));
}

function isNamed({ pattern, resourceName }: KafkaAcl, name: string): boolean {
  return pattern === 'PREFIXED' ? name.startsWith(resourceName) : resourceName === name || resourceName === '*';
}

/** The rule by which a side is closed is no rule of the applications. */
function isOfFence({ principal, operation, permission, resourceType }: KafkaAcl): boolean {
  return principal === 'User:*' && operation === 'WRITE' && permission === 'DENY' && resourceType === 'TOPIC';
}

function tellRule(rule: KafkaAcl): string {
  const { principal, host, operation, permission, resourceType, resourceName, pattern } = rule;
  return `${permission} ${operation} to ${principal} from ${host} on ${resourceType} ${resourceName} (${pattern})`;
}

function tellQuota({ entity, key, value }: KafkaQuota): string {
  const whom = entity.map(({ type, name }) => `${type} ${name ?? '(default)'}`).toSorted();
  return `${key} ${value} for ${whom.join(', ')}`;
}

async function createRules({ connection, any }: Asker, rules: readonly KafkaAcl[]): Promise<void> {
  const { library } = connection;
  const { createAclsV3, createAclsV2 } = library;
  const wanted = rules.map((rule) => ({
    resourceType: numberOf(library.ResourceTypes, rule.resourceType),
    resourceName: rule.resourceName,
    resourcePatternType: numberOf(library.ResourcePatternTypes, rule.pattern),
    principal: rule.principal,
    host: rule.host,
    operation: numberOf(library.AclOperations, rule.operation),
    permissionType: numberOf(library.AclPermissionTypes, rule.permission),
  }));
  await connection.ask(any, [createAclsV3.api, createAclsV2.api], wanted);
}

/** A number that has no name here was shown as it is. */
function numberOf<T extends Readonly<Record<string, number>>>(numbers: T, name: string): T[keyof T] {
  return (numbers[name] ?? Number(name)) as T[keyof T];
}

type AlterQuotas = Parameters<KafkaLibrary['alterClientQuotasV1']['api']['async']>[1];

async function createQuotas({ connection, any }: Asker, quotas: readonly KafkaQuota[]): Promise<void> {
  const { alterClientQuotasV1 } = connection.library;
  const wanted = quotas.map(({ entity, key, value }) => ({
    entities: entity.map(({ type, name }) => ({ entityType: type, entityName: name ?? null })),
    ops: [{ key, value, remove: false }],
  })) as unknown as AlterQuotas;
  await connection.ask(any, [alterClientQuotasV1.api], wanted, false);
}
