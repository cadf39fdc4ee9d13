import { apply } from './apply.ts';
import type { Benchmark } from './benchmark.ts';
import { copy } from './copy.ts';
import { cut } from './cut.ts';
import { follow } from './follow.ts';
import { growth } from './growth.ts';
import { kafkaMirror } from './kafka-mirror.ts';
import { lag } from './lag.ts';
import { memory } from './memory.ts';
import { mysqlApply } from './mysql-apply.ts';
import { mysqlCopy } from './mysql-copy.ts';
import { mysqlProxy } from './mysql-proxy.ts';
import { mysqlToPostgres } from './mysql-to-pg.ts';
import { proxyBenchmark } from './proxy.ts';
import { source } from './source.ts';
import { verify } from './verify.ts';

/** In the order in which they run. */
export const benchmarks: readonly Benchmark[] = [
  copy,
  apply,
  lag,
  source,
  verify,
  cut,
  proxyBenchmark,
  memory,
  growth,
  mysqlCopy,
  mysqlApply,
  mysqlToPostgres,
  mysqlProxy,
  follow,
  kafkaMirror,
];
