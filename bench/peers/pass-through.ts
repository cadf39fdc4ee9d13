import { connect, createServer } from 'node:net';

/**
 * Not a peer but the floor of any proxy on Node's sockets: bytes go from one to the other, and nothing is looked at. `pass-through.ts <port of the server>`; the parent is told
 * the port that is listened on.
 */
const server = createServer({ noDelay: true }, (client) => {
  const backend = connect({ host: '127.0.0.1', port: Number(process.argv[2]), noDelay: true });
  for (const [from, to] of [
    [client, backend],
    [backend, client],
  ] as const) {
    from.on('data', (bytes: Buffer) => {
      if (!to.write(bytes)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroySoon());
  }
});
server.listen(0, '127.0.0.1', () => process.send?.(server.address()));
process.on('disconnect', () => process.exit());
