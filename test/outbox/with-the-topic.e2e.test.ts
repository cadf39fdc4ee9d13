import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { KafkaReader } from '../../demo/kafka-reader.ts';
import { initOutbox, outboxInsert } from '../../src/app/outbox/index.ts';
import { monotonicMs, sleep, waitFor } from '../../src/kernel/clock.ts';
import {
  makeTopic,
  openCluster,
  patiently,
  readLog,
  sampleOf,
  urlOf,
} from '../../src/systems/kafka/test-support/logs.ts';
import { hasReadAll, judgeGroup, type Sending } from '../../src/testing/checker/log-history.ts';
import { kafkaIsTested, namePrefix, testCluster } from '../support/kafka.ts';
import { tealPlace, type Ran } from '../support/teal-place.ts';

const page = 'docs/runbooks/outbox-and-topic.md';
const producer = 'shop';
const aggregates = 5;

/** Blocks of a language of the runbook, without the indent of its lists. */
async function blocksOf(language: string): Promise<readonly string[]> {
  const said = await readFile(page, 'utf8');
  return [...said.matchAll(/^( *)```(\w+)\n([\s\S]*?)^ *```/gm)]
    .filter(([, , found]) => found === language)
    .map(([, indent = '', , block = '']) => block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));
}

/** Stands for systemd: one unit, whose environment is read when it is started. */
function systemctlOf(folder: string, shopUrl: string, topicPrefix: string): string {
  const relay = `${process.execPath} ${resolve('src/cli/main.ts')} outbox relay --topic-prefix ${topicPrefix}`;
  return `#!/bin/sh
pid=$(cat ${folder}/relay.pid 2>/dev/null || echo 0)
lives() { case "$(ps -o stat= -p "$pid")" in ''|Z*) return 1 ;; esac; }
case $1 in
  is-active) lives ;;
  stop) kill -TERM "$pid" 2>/dev/null; while lives; do sleep 0.02; done ;;
  start) lives && exit 0
    . ${folder}/relay.env
    setsid ${relay} --from '${shopUrl}' --to "$EVENTS_URL" >> ${folder}/relay.log 2>&1 < /dev/null & echo $! > ${folder}/relay.pid ;;
esac
`;
}

/** The application: a row and its event in one transaction, aggregate by aggregate, until it is told to end. */
class Application {
  readonly sendings: Sending[] = [];
  readonly #topic: string;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  constructor(url: string, topic: string) {
    this.#topic = topic;
    this.#ended = this.#run(url);
    // Heard when it is ended.
    this.#ended.catch(() => undefined);
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async #run(url: string): Promise<void> {
    const client = new Client({ connectionString: url });
    // Told by the query that meets it.
    client.on('error', () => undefined);
    await client.connect();
    try {
      for (let number = 1; !this.#stop.signal.aborted; number += 1) {
        const key = String(number % aggregates);
        const fromMs = monotonicMs();
        await client.query('begin');
        await client.query('update orders set changes = changes + 1 where id = $1', [key]);
        const event = { aggregateType: 'order', aggregateId: key, type: 'changed', payload: `${producer}:${number}` };
        await client.query(...outboxInsert('postgres', event));
        await client.query('commit');
        const records = [{ producer, key, number }];
        this.sendings.push({ topic: this.#topic, records, outcome: 'ok', fromMs, untilMs: monotonicMs() });
        await sleep(15);
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

/** What `groups.stop` and `groups.start` of the file ask (`demo/kafka-tell.ts`). */
async function deskOf(reader: KafkaReader): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    const asked = new URL(request.url ?? '/', 'http://desk').searchParams;
    const side = asked.get('side') === 'green' ? 'green' : 'blue';
    const led = asked.get('do') === 'stop' ? reader.stop() : reader.start(side);
    led.then(
      () => response.end('done'),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await reader.stop();
    },
  };
}

describe.skipIf(!kafkaIsTested)('the runbook of an outbox and its topic', () => {
  test('moves both under writes and back, command by command: no event lost, doubled or out of order, the group at its very record', async () => {
    await using place = await tealPlace({
      schema: `create table orders (id int primary key, changes int not null);
        insert into orders select n, 0 from generate_series(0, ${aggregates - 1}) as n`,
    });
    const { folder, port } = place;
    const [blue, green] = [await testCluster('blue'), await testCluster('green')];
    const topicPrefix = namePrefix();
    const [topic, group] = [`${topicPrefix}order`, `${topicPrefix}shipping`];
    await patiently('a topic', async () => makeTopic(blue.bootstrap, topic, { partitions: 3 }));
    const shopUrl = Object.assign(new URL(place.blue.url), { port: String(port) }).href;
    await initOutbox({ from: place.blue.url });
    const reader = new KafkaReader({ clusters: { blue, green }, group, topics: [topic] });
    await using desk = await deskOf(reader);
    await furnish(folder, { shopUrl, topicPrefix, desk: desk.url, blue: blue.bootstrap, green: green.bootstrap });
    const type = async (line: string): Promise<Ran> => {
      const teal = `${process.execPath} ${resolve('src/cli/main.ts')}`;
      const child = spawn('/bin/sh', ['-c', `teal() { ${teal} "$@"; }; ${line}`], {
        cwd: folder,
        env: {
          ...place.env,
          PATH: `${folder}:${place.env['PATH'] ?? ''}`,
          SHOP_URL: shopUrl,
          BLUE_EVENTS_URL: urlOf(blue.bootstrap),
          GREEN_EVENTS_URL: urlOf(green.bootstrap),
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const [out, err, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
      return { code: Number(exit[0]), out, err };
    };
    const done = async (line: string, code = 0): Promise<void> => {
      const ran = await type(line);
      expect(ran, `${line}\n${ran.out}${ran.err}`).toMatchObject({ code });
    };
    const [, ups = '', before = '', there = '', after = '', back = '', end = ''] = await blocksOf('sh');
    const [upShop = '', upEvents = ''] = ups.trim().split('\n');
    try {
      await done(upShop, 4);
      await done('./relay start');
      const application = new Application(shopUrl, topic);
      await reader.start('blue');
      await waitFor({ what: 'the group to read', timeoutMs: 60_000 }, () => (reader.hasRead ? true : undefined));
      await done(upEvents, 4);
      await done(before);
      await done(there);
      await done(after);
      expect(await type('./relay where')).toMatchObject({ code: 0, out: 'green\n' });
      const crossed = application.sendings.length;
      await waitFor({ what: 'more events', timeoutMs: 60_000 }, () =>
        application.sendings.length > crossed + 50 ? true : undefined,
      );
      await done(back);
      await application.end();
      const { sendings } = application;
      // What is not there is lost: the judgement says how much.
      await waitFor({ what: 'the group to read all', timeoutMs: 60_000 }, () =>
        hasReadAll(sendings, reader.events) ? true : undefined,
      ).catch(() => undefined);
      await reader.stop();
      const whole = { lost: 0, doubled: 0, disordered: 0, strange: 0, texts: [] };
      expect(judgeGroup(sendings, reader.events)).toMatchObject({ ...whole, records: sendings.length });
      const sides = reader.events.flatMap((event) => (event.did === 'began' ? [event.side] : []));
      expect(sides).toEqual(['blue', 'green', 'blue']);
      for (const bootstrap of [blue.bootstrap, green.bootstrap]) {
        const ids = await idsIn(bootstrap, topic);
        expect([ids.length, new Set(ids).size]).toEqual([sendings.length, sendings.length]);
      }
      expect(end.trim().split('&&')).toHaveLength(2);
    } finally {
      await type('./relay stop');
    }
  });
});

interface Furniture {
  readonly shopUrl: string;
  readonly topicPrefix: string;
  readonly desk: string;
  readonly blue: string;
  readonly green: string;
}

/** What a reader of the runbook has by its step 3. */
async function furnish(folder: string, { shopUrl, topicPrefix, desk, blue, green }: Furniture): Promise<void> {
  await rename(join(folder, 'teal.yaml'), join(folder, 'shop.yaml'));
  const [program = ''] = await blocksOf('sh');
  const [traffic = ''] = await blocksOf('yaml');
  await writeFile(join(folder, 'relay'), program, { mode: 0o700 });
  await writeFile(join(folder, 'relay.side'), 'blue\n');
  for (const name of ['blue.env', 'relay.env']) await writeFile(join(folder, name), `EVENTS_URL=${urlOf(blue)}\n`);
  await writeFile(join(folder, 'green.env'), `EVENTS_URL=${urlOf(green)}\n`);
  await writeFile(join(folder, 'systemctl'), systemctlOf(folder, shopUrl, topicPrefix), { mode: 0o700 });
  const tell = (what: string): string => JSON.stringify([process.execPath, resolve('demo/kafka-tell.ts'), desk, what]);
  await writeFile(
    join(folder, 'events.yaml'),
    `teal: 1
name: ${topicPrefix.replace('.', '')}
blue: { system: kafka, url: "\${BLUE_EVENTS_URL}" }
green: { system: kafka, url: "\${GREEN_EVENTS_URL}" }
topics: { include: ["${topicPrefix}*"] }
groups: { include: ["${topicPrefix}*"], stop: ${tell('stop')}, start: ${tell('start')}, patience: 2m }
cutover: { maxPause: 30s, drain: 15s, gates: [{ person: dba }] }
${traffic}`,
  );
}

/** The header by which a receiver knows an event that comes twice, of every record. */
async function idsIn(bootstrap: string, topic: string): Promise<readonly string[]> {
  await using cluster = await openCluster(bootstrap);
  const records = await Promise.all([0, 1, 2].map(async (partition) => readLog(cluster, topic, partition)));
  return records.flat().map((record) => {
    const id = sampleOf(record).headers.find(([name]) => name.toString() === 'id');
    return String(id?.[1]);
  });
}
