/** Whether a process of this machine has the number, whoever owns it. Of 0, which stands for none, it says no. */
export function isProcessThere(pid: number): boolean {
  if (pid === 0) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && Reflect.get(error, 'code') === 'EPERM';
  }
}
