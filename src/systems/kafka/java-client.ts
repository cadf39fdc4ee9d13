import { parseAddress } from './address.ts';

/**
 * A `kafka://` address as settings of Kafka's own clients, for a connector (Kafka documentation, "Producer Configs"). Certificates are put in as text: a worker on another machine has not the files. Holds the
 * password. Errors: as `parseAddress`.
 */
export function javaClientSettings(url: string): Readonly<Record<string, string>> {
  const { brokers, sasl, tls } = parseAddress(url);
  const protocol = `${sasl === undefined ? '' : 'SASL_'}${tls === undefined ? 'PLAINTEXT' : 'SSL'}`;
  return {
    'bootstrap.servers': brokers
      .map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`)
      .join(','),
    'security.protocol': protocol,
    ...(sasl === undefined
      ? {}
      : {
          'sasl.mechanism': sasl.mechanism,
          'sasl.jaas.config': loginOf(sasl.mechanism, sasl.username, sasl.password),
        }),
    ...(tls === undefined ? {} : tlsOf(tls)),
  };
}

type Tls = NonNullable<ReturnType<typeof parseAddress>['tls']>;

function tlsOf({ ca, cert, key, checkServerIdentity }: Tls): Readonly<Record<string, string>> {
  return {
    ...(typeof ca === 'string' ? { 'ssl.truststore.type': 'PEM', 'ssl.truststore.certificates': ca } : {}),
    ...(typeof cert === 'string' && typeof key === 'string'
      ? { 'ssl.keystore.type': 'PEM', 'ssl.keystore.certificate.chain': cert, 'ssl.keystore.key': key }
      : {}),
    ...(checkServerIdentity === undefined ? {} : { 'ssl.endpoint.identification.algorithm': '' }),
  };
}

function loginOf(mechanism: string, username: string, password: string): string {
  const modules = 'org.apache.kafka.common.security';
  const module = mechanism === 'PLAIN' ? `${modules}.plain.PlainLoginModule` : `${modules}.scram.ScramLoginModule`;
  return `${module} required username=${quoted(username)} password=${quoted(password)};`;
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
