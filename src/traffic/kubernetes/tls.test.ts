import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeCertificates } from '../../../test/support/certificates.ts';
import { isTealError } from '../../kernel/errors.ts';
import { KubeApi } from './kube-api.ts';
import { kubeAccess } from './kubeconfig.ts';

test('an API server proves who it is by the authority of the kubeconfig, and a client by its certificate', async () => {
  await using certificates = await makeCertificates();
  await using other = await makeCertificates();
  const ca = await readFile(certificates.authorityFile, 'utf8');
  const { certificate: cert, key } = certificates.server;
  const server = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate();
    response.end(JSON.stringify({ who: subject.CN, path: request.url }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const folder = await mkdtemp(join(tmpdir(), 'teal-kube-tls-'));
  try {
    const { certificateFile, keyFile } = certificates.client;
    const { port } = server.address() as AddressInfo;
    const apiOf = async (authority: string, path = ''): Promise<KubeApi> => {
      const file = join(folder, 'config');
      const cluster = { server: `https://127.0.0.1:${port}${path}`, 'certificate-authority': authority };
      await writeFile(
        file,
        JSON.stringify({
          'current-context': 'one',
          contexts: [{ name: 'one', context: { cluster: 'c', user: 'u' } }],
          clusters: [{ name: 'c', cluster }],
          users: [{ name: 'u', user: { 'client-certificate': certificateFile, 'client-key': keyFile } }],
        }),
      );
      const timeoutMs = 30_000;
      const access = await kubeAccess({ kubeconfig: file, env: {}, timeoutMs });
      return new KubeApi({
        timeoutMs,
        access: async () => access,
      });
    };
    expect(await (await apiOf(certificates.authorityFile, '/k8s/')).get('/api/v1/x?y=z')).toEqual({
      who: 'client',
      path: '/k8s/api/v1/x?y=z',
    });
    // The one of somebody else says nothing for this one, and would not the next time.
    const api = await apiOf(other.authorityFile);
    await expect(api.get('/api')).rejects.toSatisfy(
      (error) => isTealError(error, 'TEAL-TRAFFIC-060') && /certificate|signature/.test(error.message),
    );
  } finally {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
});
