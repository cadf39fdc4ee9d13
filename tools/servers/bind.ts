import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { debianPackageHere, librariesOf } from './debian.ts';
import { startInForeground, whyNone, type Foreground } from './foreground.ts';
import { freePort } from './free-port.ts';

/** For tests: why this machine has none, said aloud; undefined where it has one. */
export async function whyNoBind(): Promise<string | undefined> {
  return whyNone('BIND', install);
}

/** What the libraries that it asks for ask for. */
const libraries = (
  'bind9-libs libfstrm0 libgssapi-krb5-2 libjemalloc2 libkrb5-3 liblmdb0 libk5crypto3 libkrb5support0 libkeyutils1 ' +
  'libcom-err2 libicu72'
).split(' ');

async function install(): Promise<string> {
  return debianPackageHere('bind9', libraries);
}

export interface BindOptions {
  /** Lines of the zone, behind its SOA and NS: `db 60 IN A 10.0.0.1`. */
  readonly records: readonly string[];
  /** The names that its key may update. */
  readonly updatable: readonly string[];
}

/** One BIND of this machine's release (9.18 on Debian 12) on loopback, primary of the zone `shop.example`. */
export interface Bind extends Foreground {
  readonly port: number;
  readonly key: { readonly name: string; readonly algorithm: 'hmac-sha256'; readonly secret: Buffer };
}

export async function startBind(options: BindOptions): Promise<Bind> {
  const root = await install();
  const port = await freePort();
  const key = { name: 'teal-key', algorithm: 'hmac-sha256', secret: randomBytes(32) } as const;
  const started = await startInForeground({
    name: 'bind',
    env: librariesOf(root),
    async prepare(folder) {
      await writeFile(join(folder, 'zone'), zone(options.records));
      await writeFile(join(folder, 'named.conf'), configuration(folder, port, key.secret, options));
      return [join(root, 'usr/sbin/named'), '-g', '-4', '-n', '1', '-c', join(folder, 'named.conf')];
    },
    isReady: async () => isListening(port),
  });
  return { ...started, port, key };
}

function zone(records: readonly string[]): string {
  return `$TTL 60
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 127.0.0.1
${records.join('\n')}
`;
}

function configuration(folder: string, port: number, secret: Buffer, options: BindOptions): string {
  const grants = options.updatable.map((name) => `grant teal-key name ${name}. A AAAA CNAME;`);
  return `key teal-key { algorithm hmac-sha256; secret "${secret.toString('base64')}"; };
controls { };
options {
  directory "${folder}";
  pid-file none;
  session-keyfile none;
  listen-on port ${port} { 127.0.0.1; };
  listen-on-v6 { none; };
  recursion no;
  dnssec-validation no;
  notify no;
};
zone shop.example { type primary; file "${join(folder, 'zone')}"; update-policy { ${grants.join(' ')} }; };
`;
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
