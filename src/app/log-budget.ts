import { sizeText } from '../kernel/vocabulary.ts';
import type { LogBudget, Flow, FlowStatus } from '../ports/carrier.ts';
import { flowSource } from '../ports/carrier.ts';

/** How much log a source keeps for a flow, told when it comes near the limit, and when the flow was ended because of it. */
export interface LogTold {
  readonly flow: Flow;
  readonly budget: Exclude<LogBudget, 'ok'>;
  readonly text: string;
}

const ended: readonly string[] = ['TEAL-CARRIERS-007', 'TEAL-CARRIERS-008'];

/** What a status says of the log; undefined while there is nothing to say. */
export function logTold({ flow, now, budget, retainedBytes, retainedLimitBytes }: FlowStatus): LogTold | undefined {
  if (now.state === 'failed' && ended.includes(now.code)) return { flow, budget: 'exceeded', text: now.reason };
  if (budget === undefined || budget === 'ok') return undefined;
  return { flow, budget, text: logText(flow, retainedBytes ?? 0, retainedLimitBytes ?? 0) };
}

export function logText(flow: Flow, retainedBytes: number, limitBytes: number): string {
  return `${flowSource(flow)} keeps ${sizeText(retainedBytes)} of log for the ${flow} flow, which is ended at ${sizeText(limitBytes)}`;
}

/** Passes on what is new: one telling for each step of each flow. */
export function onceEach(tell: (told: LogTold) => void): (flow: Flow, told: LogTold | undefined) => void {
  const last = new Map<Flow, LogTold['budget'] | undefined>();
  return (flow, told) => {
    if (told !== undefined && last.get(flow) !== told.budget) tell(told);
    last.set(flow, told?.budget);
  };
}
