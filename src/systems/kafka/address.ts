import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { TealError } from '../../kernel/errors.ts';
import { fileOf } from '../../kernel/named-file.ts';

export const saslMechanisms = Object.freeze(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const);
const protocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const;

/** What a `kafka://` address says. */
export interface KafkaAddress {
  /** Asked in this order until one answers; the others of the cluster are learnt from it. */
  readonly brokers: readonly { readonly host: string; readonly port: number }[];
  /** Undefined: without a login. */
  readonly sasl?: {
    readonly mechanism: (typeof saslMechanisms)[number];
    readonly username: string;
    readonly password: string;
  };
  /** Undefined: without encryption. */
  readonly tls?: Pick<TlsOptions, 'ca' | 'cert' | 'key' | 'checkServerIdentity'>;
}

const parameters = new Set([
  'security.protocol',
  'sasl.mechanism',
  'ssl.ca.location',
  'ssl.certificate.location',
  'ssl.key.location',
  'ssl.endpoint.identification.algorithm',
]);
const form = /^kafka:\/\/(?:(?<login>.*)@)?(?<brokers>[^/?#@]+)\/?(?:\?(?<query>[^#]*))?$/s;

/**
 * `kafka://user:password@one:9092,two:9092?security.protocol=SASL_SSL&sasl.mechanism=SCRAM-SHA-512`. Parameters have the names that Kafka's clients give them (manual: "Producer Configs"; the files of
 * certificates as librdkafka names them, in PEM). A login without a word on encryption is refused, as is a mechanism that is not said. Errors: TEAL-SYSTEMS-009, -004 a file cannot be read.
 */
export function parseAddress(text: string): KafkaAddress {
  const groups = form.exec(text)?.groups;
  if (groups === undefined) throw new TealError('TEAL-SYSTEMS-009', 'the address of a cluster is not a kafka:// URL');
  const given = new URLSearchParams(groups['query'] ?? '');
  for (const name of given.keys()) {
    if (!parameters.has(name)) throw wrong(`the address has a parameter that is not known: ${name}`);
  }
  const login = groups['login'];
  const protocol = protocolOf(given, login !== undefined);
  const encrypts = protocol.endsWith('SSL');
  const logsIn = protocol.startsWith('SASL');
  if (logsIn && login === undefined) throw wrong(`security.protocol ${protocol} needs a user`);
  if (!logsIn && login !== undefined)
    throw wrong(`the address names a user, and security.protocol ${protocol} has none`);
  if (!logsIn && given.has('sasl.mechanism')) throw wrong(`security.protocol ${protocol} has no sasl.mechanism`);
  if (!encrypts && [...given.keys()].some((name) => name.startsWith('ssl.'))) {
    throw wrong(`certificates are named, and security.protocol ${protocol} has no encryption`);
  }
  return Object.freeze({
    brokers: brokersOf(groups['brokers'] ?? ''),
    ...(login === undefined ? {} : { sasl: saslOf(login, given) }),
    ...(encrypts ? { tls: tlsOf(given) } : {}),
  });
}

/** `one:9092,two:9092` of an address, without anything else: for people. */
export function printableBrokers(text: string): string {
  return form.exec(text)?.groups?.['brokers'] ?? 'not a URL';
}

function wrong(what: string): TealError {
  return new TealError('TEAL-SYSTEMS-009', what);
}

function protocolOf(given: URLSearchParams, logsIn: boolean): (typeof protocols)[number] {
  const named = given.get('security.protocol')?.toUpperCase();
  if (named === undefined) {
    if (logsIn) throw wrong('the address names a user: say security.protocol SASL_SSL or SASL_PLAINTEXT');
    return 'PLAINTEXT';
  }
  const protocol = protocols.find((each) => each === named);
  if (protocol === undefined) throw wrong(`security.protocol is one of ${protocols.join(', ')}`);
  return protocol;
}

function brokersOf(text: string): KafkaAddress['brokers'] {
  return text.split(',').map((broker) => {
    const groups = /^(?<host>\[[0-9a-fA-F:]+\]|[^:[\]\s]+)(?::(?<port>\d{1,5}))?$/.exec(broker)?.groups;
    const port = Number(groups?.['port'] ?? 9092);
    if (groups === undefined || port < 1 || port > 65_535) throw wrong('a broker is host:port, several with commas');
    return Object.freeze({ host: decoded(groups['host'] ?? '').replace(/^\[(.*)\]$/, '$1'), port });
  });
}

function saslOf(login: string, given: URLSearchParams): NonNullable<KafkaAddress['sasl']> {
  const mechanism = saslMechanisms.find((each) => each === given.get('sasl.mechanism')?.toUpperCase());
  if (mechanism === undefined) throw wrong(`sasl.mechanism is one of ${saslMechanisms.join(', ')}`);
  const colon = login.indexOf(':');
  if (colon <= 0) throw wrong('a login is user:password');
  return Object.freeze({
    mechanism,
    username: decoded(login.slice(0, colon)),
    password: decoded(login.slice(colon + 1)),
  });
}

/** The text may hold the password: it is not repeated. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong('special characters in user, password and host are written as %XX');
  }
}

function tlsOf(given: URLSearchParams): NonNullable<KafkaAddress['tls']> {
  if (given.has('ssl.certificate.location') !== given.has('ssl.key.location')) {
    throw wrong('one of ssl.certificate.location and ssl.key.location is named without the other');
  }
  const algorithm = given.get('ssl.endpoint.identification.algorithm') ?? 'https';
  if (algorithm !== 'https' && algorithm !== 'none') {
    throw wrong('ssl.endpoint.identification.algorithm is https or none');
  }
  return {
    ...fileOf(given, 'ssl.ca.location', 'ca'),
    ...fileOf(given, 'ssl.certificate.location', 'cert'),
    ...fileOf(given, 'ssl.key.location', 'key'),
    ...(algorithm === 'none' ? { checkServerIdentity: () => undefined } : {}),
  };
}
