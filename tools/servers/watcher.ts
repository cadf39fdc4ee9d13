import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Watcher {
  /** The server was stopped in good order: there is nothing left to watch over. Resolves when the watcher has ended. */
  dismiss(): Promise<void>;
}

/**
 * Stops the server that runs in $1 and, when $2 says so, removes that folder. It asks the file $3 there and not its caller, so that it also knows a
 * server that was restarted; the look at /proc makes sure that the number was not given to another process meanwhile.
 */
const script = `
  read -r word; [ "$word" = dismissed ] && exit 0
  mine() { pid=$(head -n 1 "$1/$2" 2>/dev/null) && kill -0 "$pid" 2>/dev/null || return 1
           [ ! -e "/proc/$pid/cmdline" ] || grep -qaF "$1" "/proc/$pid/cmdline"; }
  signal=$4; tries=0
  while mine "$1" "$3"; do
    [ $((tries % 50)) = 0 ] && kill -$signal "$pid"
    tries=$((tries + 1)); [ $tries -ge 50 ] && signal=KILL
    [ $tries -ge 150 ] && break
    sleep 0.1
  done
  [ "$2" = remove ] && rm -rf "$1"
  exit 0
`;

/**
 * Nothing is left running when this process ends, not even after `kill -9`: a shell waits at the end of a pipe that only this process holds. The
 * system closes the pipe when the process is gone, however it went, and the shell stops the server at once. Start it before the server. The first line of
 * `pidFile`, in the data folder, is the server's process. `signal` is the first one; what is not gone after five seconds is killed.
 */
export function watchOver(
  dataDir: string,
  atEnd: 'remove' | 'keep',
  pidFile = 'postmaster.pid',
  signal: 'QUIT' | 'TERM' | 'KILL' = 'QUIT',
): Watcher {
  const shell = spawn('/bin/sh', ['-c', script, 'teal-server-watcher', dataDir, atEnd, pidFile, signal], {
    cwd: '/',
    // In a process group of its own: a Ctrl-C at the terminal is for the caller, the watcher answers to the pipe alone.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  shell.unref();
  // The pipe must not keep the caller alive; Node types stdin as a stream, and it is a socket underneath.
  (shell.stdin as unknown as { unref(): void }).unref();
  // A watcher that was killed from outside breaks the pipe; there is nobody left to tell.
  shell.stdin.on('error', () => undefined);
  return Object.freeze({
    async dismiss() {
      if (shell.exitCode !== null || shell.signalCode !== null) return;
      const ended = once(shell, 'exit');
      shell.ref();
      shell.stdin.end('dismissed\n');
      await ended;
    },
  });
}
