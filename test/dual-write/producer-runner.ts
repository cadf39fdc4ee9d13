import { openDualProducer } from '../../src/app/dual-write/index.ts';
import { must } from '../../src/kernel/assert.ts';

/** `producer-runner.ts <from> <to> <name> <topic>`: an application that writes until it is killed, and prints the number of each record that was acknowledged. */
const [, , from, to, name, topic] = process.argv;
const dual = await openDualProducer({
  from: must(from, 'an address'),
  to: must(to, 'an address'),
  name: must(name, 'a name'),
  topics: [must(topic, 'a topic')],
});
for (let at = 0; ; at += 1) {
  await dual.send([{ topic: must(topic, 'a topic'), key: `key ${at % 5}`, value: `of the runner ${at}` }]);
  process.stdout.write(`${at}\n`);
}
