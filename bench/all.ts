import { apply } from './apply.ts';
import type { Benchmark } from './benchmark.ts';
import { copy } from './copy.ts';
import { cut } from './cut.ts';
import { growth } from './growth.ts';
import { lag } from './lag.ts';
import { memory } from './memory.ts';
import { proxyBenchmark } from './proxy.ts';
import { source } from './source.ts';
import { verify } from './verify.ts';

/** In the order in which they run. */
export const benchmarks: readonly Benchmark[] = [copy, apply, lag, source, verify, cut, proxyBenchmark, memory, growth];
