import { oneAnswer } from '../one-answer.ts';

/**
 * Says one line to the runtime API and returns what it answers until it hangs up (management guide, "Unix Socket commands": several commands stand on one line with semicolons between, and are done one
 * after the other). `address`: a path, or host:port. TEAL-TRAFFIC-018 when nothing answers in its time.
 */
export async function say(address: string, commands: readonly string[]): Promise<string> {
  return oneAnswer(address, `${commands.join('; ')}\n`, 'TEAL-TRAFFIC-018');
}
