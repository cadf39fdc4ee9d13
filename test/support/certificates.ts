import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../../tools/servers/run-program.ts';

export interface Certificates extends AsyncDisposable {
  /** Of an authority of the test's own: what `sslrootcert` names. */
  readonly authorityFile: string;
  /** Of a server at 127.0.0.1, signed by the authority. */
  readonly server: { readonly certificate: string; readonly key: string };
}

const newKey = ['-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];

export async function makeCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-certificates-'));
  const path = (name: string): string => join(folder, name);
  const openssl = async (args: readonly string[]): Promise<string> => runProgram('openssl', args, {});
  await openssl([
    'req',
    '-x509',
    '-days',
    '2',
    '-subj',
    '/CN=authority',
    ...newKey,
    '-keyout',
    path('ca.key'),
    '-out',
    path('ca.crt'),
  ]);
  await openssl(['req', '-subj', '/CN=server', ...newKey, '-keyout', path('server.key'), '-out', path('server.csr')]);
  await writeFile(path('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  await openssl([
    'x509',
    '-req',
    '-CA',
    path('ca.crt'),
    '-CAkey',
    path('ca.key'),
    '-CAcreateserial',
    '-days',
    '2',
    '-in',
    path('server.csr'),
    '-extfile',
    path('names'),
    '-out',
    path('server.crt'),
  ]);
  return {
    authorityFile: path('ca.crt'),
    server: {
      certificate: await readFile(path('server.crt'), 'utf8'),
      key: await readFile(path('server.key'), 'utf8'),
    },
    [Symbol.asyncDispose]: async () => rm(folder, { recursive: true, force: true }),
  };
}
