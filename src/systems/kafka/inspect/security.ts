import { isTealError } from '../../../kernel/errors.ts';
import type { KafkaAcl, KafkaFacts, KafkaQuota, KafkaScramUser } from '../../../model/kafka-facts.ts';
import { ifGiven } from '../library.ts';
import type { Asker } from './asker.ts';

type Acls = Extract<KafkaFacts['acls'], { readonly known: true }>['value'];

const anyOf = 1;

/** Every rule of the cluster's own authorizer; one that a vendor puts in its place may keep its rules elsewhere. */
export async function readAcls({ connection, requests, any }: Asker): Promise<Acls> {
  const { library } = connection;
  const names = {
    operation: namesOf(library.AclOperations),
    permission: namesOf(library.AclPermissionTypes),
    resourceType: namesOf(library.ResourceTypes),
    pattern: namesOf(library.ResourcePatternTypes),
  };
  try {
    const { resources } = await connection.ask(any, requests.describeAcls, {
      resourceType: anyOf,
      resourceName: null,
      resourcePatternType: anyOf,
      principal: null,
      host: null,
      operation: anyOf,
      permissionType: anyOf,
    });
    const entries = resources.flatMap(({ resourceType, resourceName, resourcePatternType, acls }) =>
      acls.map(({ principal, host, operation, permissionType }): KafkaAcl => ({
        principal,
        host,
        operation: names.operation(operation),
        permission: names.permission(permissionType),
        resourceType: names.resourceType(resourceType),
        resourceName,
        pattern: names.pattern(resourcePatternType),
      })),
    );
    return { enforced: true, entries: entries.toSorted((a, b) => (aclKey(a) < aclKey(b) ? -1 : 1)) };
  } catch (error) {
    if (isTealError(error) && error.facts['answer'] === 'SECURITY_DISABLED') return { enforced: false, entries: [] };
    throw error;
  }
}

function aclKey(acl: KafkaAcl): string {
  return JSON.stringify([acl.principal, acl.resourceType, acl.resourceName, acl.operation, acl.host, acl.permission]);
}

/** A number that a later Kafka may have is shown as it is. */
function namesOf(numbers: Readonly<Record<string, number>>): (number: number) => string {
  const byNumber = new Map(Object.entries(numbers).map(([name, number]) => [number, name]));
  return (number) => byNumber.get(number) ?? String(number);
}

export async function readQuotas({ connection, requests, any }: Asker): Promise<readonly KafkaQuota[]> {
  const { entries } = await connection.ask(any, requests.describeClientQuotas, [], false);
  return (entries ?? []).flatMap(({ entity, values }) =>
    values.map(({ key, value }) => ({
      entity: entity.map(({ entityType, entityName }) => ({
        type: entityType,
        ...ifGiven('name', entityName),
      })),
      key,
      value,
    })),
  );
}

/** Who they are and how they log in; what proves their passwords no broker tells. */
export async function readScramUsers({ connection, requests, any }: Asker): Promise<readonly KafkaScramUser[]> {
  const mechanismName = namesOf(connection.library.ScramMechanisms);
  // Asked for everybody by a user who may not, brokers do not answer at all (seen in 4.3.1): whether one may is found out by the name of one.
  await connection.ask(any, requests.describeUserScramCredentials, [{ name: 'teal' }]).catch((error: unknown) => {
    if (!isTealError(error) || error.facts['answer'] !== 'RESOURCE_NOT_FOUND') throw error;
  });
  const { results } = await connection.ask(any, requests.describeUserScramCredentials, null);
  return results
    .map(({ user, credentialInfos }) => ({
      name: user,
      mechanisms: credentialInfos.map(({ mechanism }) => mechanismName(mechanism).replaceAll('_', '-')),
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
