import { blueUrlVariable, greenUrlVariable } from '../traffic/proxy/config.ts';
import { startHere } from '../traffic/proxy/start.ts';
import { work } from '../traffic/proxy/workers/work.ts';

/**
 * One of several processes of a proxy: serves the clients that its parent hands to it over the channel by which it was started, addresses of both sides by the environment. It ends when the
 * parent says so, or has gone.
 */
const { [blueUrlVariable]: blueUrl = '', [greenUrlVariable]: greenUrl = '' } = process.env;
/** A client that takes nothing keeps its socket, and with it this process, for as long as TCP likes. */
const lingerMs = 5_000;

// They come to the whole group, from a terminal or systemd: the parent says what they mean.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
await work(process, { blueUrl, greenUrl }, startHere);
if (process.connected) process.disconnect?.();
setTimeout(() => process.exit(), lingerMs).unref();
