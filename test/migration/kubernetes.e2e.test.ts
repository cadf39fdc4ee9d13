import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import { apiDouble, type ApiDouble } from '../../src/traffic/kubernetes/test-support/api-double.ts';
import { tealPlace } from '../support/teal-place.ts';

const ofService = '/api/v1/namespaces/shop/services/db';
const ofSlice = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/db-teal';
const soon = { timeoutMs: 120_000 };
const oneLine = (text: string): string => text.replace(/\s+/g, ' ');

/** As the Service leads new connections. */
function ledTo(api: ApiDouble): { readonly address: string; readonly port: number } {
  const { endpoints, ports } = api.at(ofSlice) as unknown as {
    readonly endpoints: readonly { readonly addresses: readonly string[] }[];
    readonly ports: readonly { readonly port: number }[];
  };
  return { address: endpoints[0]?.addresses[0] ?? '', port: ports[0]?.port ?? 0 };
}

/** A client that connects anew for each write, by the Service, and makes again what was refused. */
class Writer {
  readonly acknowledged: number[] = [];
  /** SQLSTATEs of what was refused. */
  readonly refused = new Set<string>();
  readonly #over = new AbortController();
  readonly #working: Promise<void>;

  constructor(api: ApiDouble, url: string) {
    this.#working = this.#work(api, url);
  }

  async #work(api: ApiDouble, url: string): Promise<void> {
    for (let id = 1; !this.#over.signal.aborted; await sleep(5)) {
      const [to, { address, port }] = [new URL(url), ledTo(api)];
      to.host = `${address}:${port}`;
      const client = new Client({ connectionString: to.href });
      client.on('error', () => undefined);
      await client.connect();
      try {
        await client.query('insert into written values ($1)', [id]);
        this.acknowledged.push(id);
        id += 1;
      } catch (error) {
        this.refused.add(String(Reflect.get(Object(error), 'code')));
      } finally {
        await client.end();
      }
    }
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#working;
  }
}

test('clients that come by a Service are led to green and back: writes are refused in between, and none that was acknowledged is lost', async () => {
  await using api = await apiDouble('s3cret-token', { takesLoopback: true });
  await using place = await tealPlace({ schema: 'create table written (id int primary key)' });
  const [blue, green] = [new URL(place.blue.url), new URL(place.green.url)];
  const traffic = `traffic: { router: kubernetes-service, service: db, kubeconfig: kube.json, ttl: 60s, blue: "127.0.0.1:${blue.port}", green: "127.0.0.1:${green.port}" }`;
  const sides = 'blue: { url: "${BLUE_URL}" }\ngreen: { url: "${GREEN_URL}" }';
  await writeFile(
    place.file,
    `teal: 1\nname: shop\n${sides}\n${traffic}\ncutover: { maxPause: 30s, gates: [{ person: dba }] }\n`,
  );
  await writeFile(
    join(place.folder, 'kube.json'),
    JSON.stringify({
      'current-context': 'one',
      contexts: [{ name: 'one', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
      clusters: [{ name: 'c', cluster: { server: api.url } }],
      users: [{ name: 'u', user: { token: 's3cret-token' } }],
    }),
  );
  const slice = (port: string): object => ({
    metadata: { name: 'db-teal', labels: { 'kubernetes.io/service-name': 'db' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
    ports: [{ name: 'pg', port: Number(port), protocol: 'TCP' }],
  });
  api.put(ofService, { metadata: { name: 'db' }, spec: { ports: [{ name: 'pg', port: 5432 }] } });
  api.put(ofSlice, slice(blue.port));

  expect(oneLine((await place.teal('plan')).out)).toContain('stale for up to 60 s');
  const up = await place.teal('up');
  expect(up, up.err).toMatchObject({ code: 4 });
  const writer = new Writer(api, place.blue.url);
  const more = async (): Promise<void> => {
    const count = writer.acknowledged.length;
    await waitFor({ what: 'more writes', ...soon }, () => writer.acknowledged.length > count + 20 || undefined);
  };
  await more();
  const cut = await place.teal('cutover');
  expect(cut, cut.err).toMatchObject({ code: 0 });
  expect(ledTo(api)).toEqual({ address: '127.0.0.1', port: Number(green.port) });
  await more();
  expect(await place.teal('rollback')).toMatchObject({ code: 0 });
  expect(ledTo(api)).toEqual({ address: '127.0.0.1', port: Number(blue.port) });
  await more();
  expect(await place.teal('cutover')).toMatchObject({ code: 0 });
  await more();
  await writer.stop();
  const rows = await place.query('green', 'select id from written order by id');
  expect(rows.map(({ id }) => Number(id))).toEqual(writer.acknowledged);
  // Of what the fence refuses: read_only_sql_transaction.
  expect([...writer.refused]).toEqual(['25006']);

  // Somebody leads clients elsewhere: it is told, and no cut is begun.
  api.put(ofSlice, slice('1'));
  const refused = await place.teal('rollback');
  expect(refused.code).not.toBe(0);
  expect(ledTo(api).port).toBe(1);
  expect((await place.teal('status', '--json')).out).toContain('"live": "green"');
  for (const text of [cut.out, cut.err, refused.out, refused.err]) expect(text).not.toContain('s3cret');
});
