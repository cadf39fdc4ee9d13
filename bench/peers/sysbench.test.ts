import { expect, test } from 'vitest';
import { toldBy } from './sysbench.ts';

/** As sysbench 1.0.20 prints it. */
const said = `sysbench 1.0.20 (using system LuaJIT 2.1.0-beta3)

SQL statistics:
    queries performed:
        read:                            40000
        write:                           0
        other:                           0
        total:                           40000
    transactions:                        40000  (12024.85 per sec.)
    queries:                             40000  (12024.85 per sec.)
    ignored errors:                      0      (0.00 per sec.)
    reconnects:                          0      (0.00 per sec.)

General statistics:
    total time:                          3.3251s
    total number of events:              40000

Latency (ms):
         min:                                    0.09
         avg:                                    0.66
         max:                                   31.01
         99th percentile:                        2.43
         sum:                                26508.74
`;

test('what sysbench says is read', () => {
  expect(toldBy(said)).toEqual({ transactions: 40_000, seconds: 3.3251, averageMs: 0.66, p99Ms: 2.43 });
});

test('a round with an error is none', () => {
  expect(() => toldBy(said.replace('reconnects:                          0', 'reconnects:      2'))).toThrow(
    '2 errors',
  );
});
