import { apply } from './apply.ts';
import type { Benchmark } from './benchmark.ts';
import { copy } from './copy.ts';
import { proxyBenchmark } from './proxy.ts';

/** In the order in which they run. */
export const benchmarks: readonly Benchmark[] = [copy, apply, proxyBenchmark];
