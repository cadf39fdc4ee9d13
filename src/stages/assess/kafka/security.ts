import type { KafkaAcl, KafkaQuota } from '../../../model/kafka-facts.ts';
import { countOf, finding, look, type Finding } from '../finding.ts';
import { kafkaCommand, type KafkaSideView, type KafkaSituation } from './situation.ts';

/** What is kept in the cluster about its users, and does not come along with records. */
export function checkSecurity(situation: KafkaSituation): readonly Finding[] {
  const { blue, green } = situation;
  return [
    ...look(blue.facts.acls, 'blue', 'rules of the authorizer', ({ enforced }) => (enforced ? [] : [unguarded()])),
    ...look(blue.facts.acls, 'blue', 'rules of the authorizer', (ofBlue) =>
      look(green.facts.acls, 'green', 'rules of the authorizer', (ofGreen) =>
        ofBlue.enforced === ofGreen.enforced
          ? checkAcls(situation, ofBlue.entries, ofGreen.entries)
          : checkAuthorizer(ofGreen.enforced, ofBlue.entries.length),
      ),
    ),
    ...look(blue.facts.scramUsers, 'blue', 'users of SCRAM', (ofBlue) =>
      look(green.facts.scramUsers, 'green', 'users of SCRAM', (ofGreen) => {
        const has = new Set(ofGreen.flatMap(({ name, mechanisms }) => mechanisms.map((one) => `${name}/${one}`)));
        return checkScram(
          green,
          ofBlue.flatMap(({ name, mechanisms }) =>
            mechanisms.flatMap((mechanism) => (has.has(`${name}/${mechanism}`) ? [] : [{ name, mechanism }])),
          ),
        );
      }),
    ),
    ...look(blue.facts.quotas, 'blue', 'quotas', (ofBlue) =>
      look(green.facts.quotas, 'green', 'quotas', (ofGreen) => {
        const has = new Set(ofGreen.map(quotaKey));
        return checkQuotas(
          green,
          ofBlue.filter((quota) => !has.has(quotaKey(quota))),
        );
      }),
    ),
  ];
}

/** See `Fence.letThrough` of Kafka. */
function unguarded(): Finding {
  return finding('ASSESS-KAFKA-UNGUARDED', {
    side: 'blue',
    object: 'authorizer.class.name',
    what: 'Blue does not check who may do what, so producers are refused there by the size of their records, until two seconds after they were led to green.',
    why: 'The way back has to write there from then on: a producer that still goes on where it is, is told that its records are stored, and they are on blue alone. Teal finds them, and then there is no way back.',
    mend: '# have a producer that is refused (MESSAGE_TOO_LARGE) ask its bootstrap address again, and lead that by `traffic.router`; or set authorizer.class.name and super.users in the configuration of blue',
  });
}

function checkAuthorizer(greenEnforces: boolean, rules: number): readonly Finding[] {
  return [
    finding('ASSESS-KAFKA-AUTHORIZER', {
      side: 'green',
      object: 'authorizer.class.name',
      what: greenEnforces
        ? 'Green checks who may do what, and blue does not.'
        : `Blue checks who may do what (${rules} rules), and green does not.`,
      why: greenEnforces
        ? 'There are no rules of blue to bring along: on green every client is refused that no rule allows.'
        : 'After the cut every client may do everything.',
      mend: greenEnforces
        ? '# make rules on green for all clients (kafka-acls.sh --add …), before the cut'
        : '# authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer in the configuration of green, with its super.users',
    }),
  ];
}

function checkAcls(
  { green, leftOut }: KafkaSituation,
  ofBlue: readonly KafkaAcl[],
  ofGreen: readonly KafkaAcl[],
): readonly Finding[] {
  const has = new Set(ofGreen.map(aclKey));
  const others = new Set(leftOut.map(({ name }) => name));
  const missing = ofBlue.filter(
    (acl) =>
      !has.has(aclKey(acl)) &&
      !(acl.resourceType === 'TOPIC' && acl.pattern === 'LITERAL' && others.has(acl.resourceName)),
  );
  if (missing.length === 0) return [];
  const principals = [...new Set(missing.map(({ principal }) => principal))];
  const denials = missing.filter(({ permission }) => permission === 'DENY').length;
  return [
    finding('ASSESS-KAFKA-ACL', {
      side: 'green',
      object: principals.join(', '),
      what: `${missing.length} rule${missing.length === 1 ? '' : 's'} of blue ${missing.length === 1 ? 'is' : 'are'} missing on green, for ${countOf('principal', principals)}${denials === 0 ? '' : `; ${denials} of them deny`}.`,
      why: 'What they allow is refused on green, and what they deny may be allowed there.',
      mend: missing.map((acl) => aclCommand(green, acl)).join('\n'),
    }),
  ];
}

function aclKey(acl: KafkaAcl): string {
  const { principal, host, operation, permission, resourceType, resourceName, pattern } = acl;
  return JSON.stringify([principal, host, operation, permission, resourceType, resourceName, pattern]);
}

const resourceOptions: Readonly<Record<string, string>> = {
  TOPIC: '--topic',
  GROUP: '--group',
  TRANSACTIONAL_ID: '--transactional-id',
  DELEGATION_TOKEN: '--delegation-token',
  USER: '--user-principal',
};

function aclCommand(green: KafkaSideView, acl: KafkaAcl): string {
  const kind = acl.permission === 'DENY' ? 'deny' : 'allow';
  const option = resourceOptions[acl.resourceType];
  const resource = option === undefined ? ['--cluster'] : [option, acl.resourceName];
  const pattern = acl.pattern === 'LITERAL' ? [] : ['--resource-pattern-type', acl.pattern.toLowerCase()];
  const host = acl.host === '*' ? [] : [`--${kind}-host`, acl.host];
  // The tool writes operations in camel case: DescribeConfigs.
  const operation = acl.operation
    .toLowerCase()
    .replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const who = [`--${kind}-principal`, acl.principal, ...host];
  return kafkaCommand(green, 'kafka-acls', '--add', ...who, '--operation', operation, ...resource, ...pattern);
}

function checkScram(
  green: KafkaSideView,
  missing: readonly { readonly name: string; readonly mechanism: string }[],
): readonly Finding[] {
  if (missing.length === 0) return [];
  const names = [...new Set(missing.map(({ name }) => name))];
  return [
    finding('ASSESS-KAFKA-SCRAM', {
      side: 'green',
      object: names.join(', '),
      what: `${countOf('user', names)} of blue ${names.length === 1 ? 'has' : 'have'} no password of the same kind on green.`,
      why: 'No broker gives out what a password is checked by: each must be set on green anew, the same one or another.',
      mend: missing
        .map(
          ({ name, mechanism }) =>
            `${kafkaCommand(green, 'kafka-configs', '--alter', '--entity-type', 'users', '--entity-name', name)} --add-config '${mechanism}=[password=…]'`,
        )
        .join('\n'),
    }),
  ];
}

function quotaKey({ entity, key, value }: KafkaQuota): string {
  const parts = entity.map(({ type, name }) => JSON.stringify([type, name ?? null]));
  return JSON.stringify([parts.toSorted((a, b) => (a < b ? -1 : 1)), key, value]);
}

const entityOptions: Readonly<Record<string, string>> = { user: 'users', 'client-id': 'clients', ip: 'ips' };

function checkQuotas(green: KafkaSideView, missing: readonly KafkaQuota[]): readonly Finding[] {
  if (missing.length === 0) return [];
  const shown = missing.map(({ entity, key, value }) => `${entityText(entity)} ${key}=${value}`);
  return [
    finding('ASSESS-KAFKA-QUOTA', {
      side: 'green',
      object: shown.join(', '),
      what: `${countOf('quota', shown)} of blue ${missing.length === 1 ? 'is' : 'are'} missing on green, or another there.`,
      why: 'Clients that blue slows down may take all that green has.',
      mend: missing
        .map(({ entity, key, value }) =>
          kafkaCommand(
            green,
            'kafka-configs',
            '--alter',
            '--add-config',
            `${key}=${value}`,
            ...entity.flatMap(({ type, name }) => [
              '--entity-type',
              entityOptions[type] ?? type,
              ...(name === undefined ? ['--entity-default'] : ['--entity-name', name]),
            ]),
          ),
        )
        .join('\n'),
    }),
  ];
}

/** `user a, client-id b`; everybody else's is `user *`. */
export function entityText(entity: KafkaQuota['entity']): string {
  return entity.map(({ type, name }) => `${type} ${name ?? '*'}`).join(', ');
}
