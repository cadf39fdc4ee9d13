import type { KafkaAcl, KafkaQuota } from '../../../model/kafka-facts.ts';
import { openSides } from '../both-sides.ts';
import { askerOf, type Asker } from '../inspect/asker.ts';
import { readAcls, readQuotas } from '../inspect/security.ts';
import type { KafkaLibrary } from '../library.ts';
import type { KafkaMove, KafkaRules } from '../roles.ts';

/** Rules for the topics of the move, for the groups that there are when it is asked, and for transactional ids of whoever may write there (`rulesOf`): as blue has them. Quotas are of users and clients, not of topics: all of them. */
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
  const rules = rulesOf(here.entries, topics, groups).filter((rule) => !known.has(tellRule(rule)));
  const quotas = new Set((await readQuotas(green)).map(tellQuota));
  return {
    rules: there.enforced ? rules : [],
    quotas: (await readQuotas(blue)).filter((quota) => !quotas.has(tellQuota(quota))),
  };
}

/**
 * Of a cluster's rules those that the clients of these topics and groups need. No rule says for which topics a transactional id is used: it is for those of the move where its principal
 * has a rule on one of them, by its own name or as everybody. A topic without any rule may be everybody's (`allow.everyone.if.no.acl.found`): then all ids are.
 */
export function rulesOf(
  rules: readonly KafkaAcl[],
  topics: readonly string[],
  groups: readonly string[],
): readonly KafkaAcl[] {
  const own = rules.filter((rule) => !isOfFence(rule));
  const named = (type: string, names: readonly string[]): readonly KafkaAcl[] =>
    own.filter((rule) => rule.resourceType === type && names.some((name) => isNamed(rule, name)));
  const ofTopics = named('TOPIC', topics);
  const principals = new Set(ofTopics.map(({ principal }) => principal));
  const areAll = principals.has(everybody) || topics.some((topic) => !ofTopics.some((rule) => isNamed(rule, topic)));
  const ofIds = own.filter(
    ({ resourceType, resourceName, principal }) =>
      resourceType === 'TRANSACTIONAL_ID' &&
      !resourceName.startsWith('teal.') &&
      (areAll || principal === everybody || principals.has(principal)),
  );
  return [...ofTopics, ...named('GROUP', groups), ...ofIds];
}

const everybody = 'User:*';

function isNamed({ pattern, resourceName }: KafkaAcl, name: string): boolean {
  return pattern === 'PREFIXED' ? name.startsWith(resourceName) : resourceName === name || resourceName === '*';
}

/** The rule by which a side is closed is no rule of the applications. */
function isOfFence({ principal, operation, permission, resourceType }: KafkaAcl): boolean {
  return principal === everybody && operation === 'WRITE' && permission === 'DENY' && resourceType === 'TOPIC';
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
