/** A program as `groups.stop` and `groups.start` name one: `kafka-tell.ts <desk> stop|start <side> <group>` tells the desk of the demo. */
const [, , desk = '', action = '', side = '', group = ''] = process.argv;
const asked = new URLSearchParams({ do: action, side, group });
const response = await fetch(`${desk}groups?${asked.toString()}`, { method: 'POST' });
process.stdout.write(`${await response.text()}\n`);
if (!response.ok) process.exitCode = 1;
