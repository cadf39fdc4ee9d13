import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../../tools/servers/run-program.ts';

export interface Certificates extends AsyncDisposable {
  /** Of an authority of the test's own: what `sslrootcert` names. */
  readonly authorityFile: string;
  /** Of a server at 127.0.0.1, signed by the authority. */
  readonly server: { readonly certificate: string; readonly key: string };
  /** Files of a client, signed by the authority. */
  readonly client: { readonly certificateFile: string; readonly keyFile: string };
}

const newKey = ['-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];

/** `names`: whom the server's certificate is for, as openssl writes a subjectAltName. */
export async function makeCertificates(names = 'IP:127.0.0.1,DNS:localhost'): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-certificates-'));
  const path = (name: string): string => join(folder, name);
  const openssl = async (...args: readonly string[]): Promise<string> => runProgram('openssl', args, {});
  const [days, authority] = [
    ['-days', '2'],
    ['-CA', path('ca.crt'), '-CAkey', path('ca.key'), '-CAcreateserial'],
  ];
  const own = ['-keyout', path('ca.key'), '-out', path('ca.crt')];
  await openssl('req', '-x509', ...days, '-subj', '/CN=authority', ...newKey, ...own);
  const sign = async (who: string, subject: string): Promise<void> => {
    const [key, request] = [path(`${who}.key`), path(`${who}.csr`)];
    await openssl('req', '-subj', `/CN=${who}`, ...newKey, '-keyout', key, '-out', request);
    await writeFile(path('names'), `subjectAltName=${subject}\n`);
    const signed = ['-extfile', path('names'), '-out', path(`${who}.crt`)];
    await openssl('x509', '-req', ...authority, ...days, '-in', request, ...signed);
  };
  await sign('server', names);
  await sign('client', 'email:client@example.org');
  return {
    authorityFile: path('ca.crt'),
    server: {
      certificate: await readFile(path('server.crt'), 'utf8'),
      key: await readFile(path('server.key'), 'utf8'),
    },
    client: { certificateFile: path('client.crt'), keyFile: path('client.key') },
    [Symbol.asyncDispose]: async () => rm(folder, { recursive: true, force: true }),
  };
}
