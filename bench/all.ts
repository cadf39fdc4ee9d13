import { apply } from './apply.ts';
import type { Benchmark } from './benchmark.ts';
import { copy } from './copy.ts';
import { growth } from './growth.ts';
import { lag } from './lag.ts';
import { memory } from './memory.ts';
import { proxyBenchmark } from './proxy.ts';
import { source } from './source.ts';
import { verify } from './verify.ts';

/** In the order in which they run. `cut.ts` is not among them yet: its round with PgBouncer does not come to its end. */
export const benchmarks: readonly Benchmark[] = [copy, apply, lag, source, verify, proxyBenchmark, memory, growth];
