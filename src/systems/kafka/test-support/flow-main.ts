import { sleep } from '../../../kernel/clock.ts';
import { openKafkaFlow } from '../flow/kafka-flow.ts';
import type { KafkaMove } from '../roles.ts';

/** A flow in a process of its own, which a test or a benchmark may kill. Tells how many records it has carried, whenever there are more. SIGTERM ends it in good order. */
const end = new AbortController();
process.once('SIGTERM', () => end.abort());
const [move = '{}', flow = 'forward'] = process.argv.slice(2);
await using carried = await openKafkaFlow(JSON.parse(move) as KafkaMove, flow === 'reverse' ? 'reverse' : 'forward');
const running = carried.run(end.signal);
let told = 0n;
const tell = async (): Promise<void> => {
  while (!end.signal.aborted) {
    const { records } = carried.status();
    if (records > told) process.stdout.write(`${records}\n`);
    told = records;
    await sleep(20, end.signal);
  }
};
await Promise.race([running, tell()]);
