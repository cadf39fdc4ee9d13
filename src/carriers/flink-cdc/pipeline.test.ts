import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { pipelineText, type PipelinePlan, type PipelineTable } from './pipeline.ts';

const key = { primaryKey: ['id'] };

function same(schema: string, name: string): PipelineTable {
  return { source: { schema, name, ...key }, target: { schema, name } };
}

const plan: PipelinePlan = {
  migration: 'shop',
  source: { type: 'postgres', host: 'blue.example', port: 5433, user: 'ann', database: 'shop' },
  tables: [same('public', 'orders'), same('sales', 'order-lines')],
  brokers: 'one:9092,two:9092',
  parallelism: 4,
};

/**
 * The published structure (manual of Flink CDC 3.5: "Data Pipeline", "Route", the pipeline connectors Postgres, MySQL and Kafka): which parts there are, which options each knows, and
 * which it must have. What is not listed is refused by Flink CDC too, but for what begins with `debezium.`, which is passed on.
 */
const common = {
  name: z.string(),
  hostname: z.string().min(1),
  port: z.int(),
  username: z.string().min(1),
  password: z.string().min(1),
  tables: z.string().min(1),
};
const debezium = z.string().exactOptional();
const published = z.strictObject({
  source: z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('postgres'),
      ...common,
      'slot.name': z.string().regex(/^[a-z0-9_]+$/),
      'decoding.plugin.name': z.enum(['pgoutput', 'decoderbufs']),
      'debezium.publication.name': debezium,
      'debezium.publication.autocreate.mode': debezium,
    }),
    z.strictObject({ type: z.literal('mysql'), ...common }),
  ]),
  sink: z.strictObject({
    type: z.literal('kafka'),
    name: z.string(),
    'properties.bootstrap.servers': z.string().min(1),
    'value.format': z.enum(['debezium-json', 'canal-json']),
    'partition.strategy': z.enum(['all-to-zero', 'hash-by-key']),
  }),
  route: z.array(z.strictObject({ 'source-table': z.string(), 'sink-table': z.string() })).min(1),
  pipeline: z.strictObject({ name: z.string(), parallelism: z.int().min(1) }),
});

test('a pipeline of PostgreSQL has the published structure: a source, a sink, a route for each table', () => {
  const found = published.parse(parse(pipelineText(plan)));
  expect(found.source).toMatchObject({
    hostname: 'blue.example',
    port: 5433,
    tables: 'shop.public.orders, shop.sales.order-lines',
    'slot.name': 'teal_shop_flink',
  });
  // There a table is told by its schema and name: the database is not in it.
  expect(found.route).toEqual([
    { 'source-table': 'public.orders', 'sink-table': 'public.orders' },
    { 'source-table': 'sales.order-lines', 'sink-table': 'sales.order-lines' },
  ]);
  expect(found.sink['properties.bootstrap.servers']).toBe('one:9092,two:9092');
  expect(found.pipeline).toEqual({ name: 'teal shop', parallelism: 4 });
});

test('a pipeline of MySQL routes each table to what it is called on green', () => {
  const found = published.parse(
    parse(
      pipelineText({
        ...plan,
        source: { ...plan.source, type: 'mysql', database: 'shop' },
        tables: [
          {
            source: { schema: 'shop', name: 'Order', ...key },
            target: { schema: 'public', name: 'orders' },
          },
        ],
      }),
    ),
  );
  expect(found.source.tables).toBe('shop.Order');
  expect(found.route).toEqual([{ 'source-table': 'shop.Order', 'sink-table': 'public.orders' }]);
});

test.each([
  ['a name that would be read as a pattern', { ...same('public', 'x,y') }],
  ['a name on green that no topic can have', { ...same('public', 'x'), target: { schema: 'public', name: 'ü' } }],
  ['a table without a primary key', { ...same('public', 'log'), source: { schema: 'public', name: 'log' } }],
])('refuses %s', (_, table) => {
  const refused = expect.objectContaining({ code: 'TEAL-CARRIERS-040' });
  expect(() => pipelineText({ ...plan, tables: [...plan.tables, table] })).toThrow(refused);
});

test('a selection without a table is refused: Flink CDC would take it for all', () => {
  expect(() => pipelineText({ ...plan, tables: [] })).toThrow(expect.objectContaining({ code: 'TEAL-CARRIERS-041' }));
});

test('an address by which only this machine finds blue is refused', () => {
  const refused = expect.objectContaining({ code: 'TEAL-CARRIERS-043' });
  expect(() => pipelineText({ ...plan, source: { ...plan.source, host: '' } })).toThrow(refused);
});

test('the password is left to whoever submits it', () => {
  expect(pipelineText(plan)).toContain('password: ${BLUE_PASSWORD}\n');
});
