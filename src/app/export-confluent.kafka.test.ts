import { expect, test } from 'vitest';
import { kafkaIsTested, namePrefix, testCluster } from '../../test/support/kafka.ts';
import { parseSpec } from '../spec/parse.ts';
import { makeTopic } from '../systems/kafka/test-support/logs.ts';
import { exportClusterLink, exportReplicator } from './export-confluent.ts';

test.skipIf(!kafkaIsTested)('both exports name the topics and the clusters as they are', async () => {
  const [blue, green] = [await testCluster('blue'), await testCluster('green')];
  const prefix = namePrefix();
  for (const name of ['a', 'b', 'left']) await makeTopic(blue.bootstrap, `${prefix}${name}`);
  const parsed = parseSpec(
    `teal: 1
name: out-there
blue: { system: kafka, url: "\${BLUE_URL}" }
green: { system: kafka, url: "\${GREEN_URL}" }
topics: { include: ["${prefix}*"], exclude: ["*left"] }
`,
    {
      env: { BLUE_URL: `kafka://${blue.bootstrap}`, GREEN_URL: `kafka://${green.bootstrap}` },
      readText: () => undefined,
    },
  );
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.mistakes));
  const { name, config } = await exportReplicator(parsed.spec);
  expect(name).toBe('teal-out_there-replicator');
  expect(config).toMatchObject({
    'topic.whitelist': `${prefix}a,${prefix}b`,
    'src.kafka.bootstrap.servers': blue.bootstrap,
    'dest.kafka.bootstrap.servers': green.bootstrap,
  });
  const { begin, look } = await exportClusterLink(parsed.spec);
  expect(begin.map(({ body }) => body)).toMatchObject([
    { source_cluster_id: expect.stringMatching(/^[\w-]{22}$/) as string },
    { source_topic_name: `${prefix}a` },
    { source_topic_name: `${prefix}b` },
  ]);
  expect(look[0]?.path).toMatch(/^\/kafka\/v3\/clusters\/[\w-]{22}\/links\/teal-out_there\/mirrors$/);
});
