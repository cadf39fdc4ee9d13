import type { Benchmark } from './benchmark.ts';
import { proxyBenchmark } from './proxy.ts';

/** In the order in which they run. */
export const benchmarks: readonly Benchmark[] = [proxyBenchmark];
