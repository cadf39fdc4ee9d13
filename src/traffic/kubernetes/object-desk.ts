import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import { otherSide, type Side } from '../../model/catalog.ts';
import type { RouterFinding } from '../../ports/router.ts';
import { leadsNowhere, type Desk } from '../desk-router.ts';
import type { KubeApi, KubeObject } from './kube-api.ts';

/** An object of Kubernetes by which clients find one side or the other. */
export interface Pointed<T extends KubeObject> {
  /** For people: `Service shop/db`. */
  readonly name: string;
  /** The object, its path, and what beside it says that it does not lead clients as it looks. TEAL-TRAFFIC-060, -061. */
  find(): Promise<{ readonly path: string; readonly object: T }>;
  sideOf(object: T): Side | 'unknown';
  /** For people: where it leads now. */
  tell(object: T): string;
  /** The merge patch that has it lead to `side`. */
  change(object: T, side: Side): object;
  /** What else a cut would stumble over. */
  look(object: T): Promise<readonly RouterFinding[]>;
  /** Whether what is made of the object has followed it. Absent: nothing is. */
  hasFollowed?(side: Side): Promise<boolean>;
}

/** Programs that put objects back as a repository has them. */
const keepers = /^(argocd|argo-cd|flux|kustomize-controller|helm-controller)/i;
const lookEveryMs = 250;

/**
 * Such an object as a router: changed by its resourceVersion, so that what somebody else writes at the same time is seen, and not overwritten. It is pointed when the API server has it, and what is made of it
 * has followed. Errors: TEAL-TRAFFIC-060 to -062.
 */
export function objectDesk<T extends KubeObject>(api: KubeApi, pointed: Pointed<T>, timeoutMs: number): Desk {
  const { name } = pointed;
  return {
    name,
    read: async () => ({ side: pointed.sideOf((await pointed.find()).object), isHolding: false }),
    async point(side) {
      const deadline = monotonicMs() + timeoutMs;
      const others = await write(api, pointed, side, deadline);
      await followed(pointed, side, deadline);
      return others === 0 ? '' : `somebody else wrote ${name} at the same time, ${others} times`;
    },
    async look() {
      const { path, object } = await pointed.find();
      const side = pointed.sideOf(object);
      if (side === 'unknown') {
        return [leadsNowhere(`${name} leads to ${pointed.tell(object)}.`, 'Have it lead to the live side alone.')];
      }
      // What is there is put there again, and only tried: whether one may is told, and nothing changes.
      for (const each of [side, otherSide(side)]) await api.patch(path, object, pointed.change(object, each), true);
      return [...(await pointed.look(object)), ...keptBy(name, object), connections(name)];
    },
  };
}

/** How often somebody else was seen. */
async function write<T extends KubeObject>(
  api: KubeApi,
  pointed: Pointed<T>,
  side: Side,
  deadline: number,
): Promise<number> {
  for (let others = 0; ; others += 1) {
    const { path, object } = await pointed.find();
    const now = pointed.sideOf(object);
    if (now === side) return others;
    // It leads where nobody has said that a side is: whoever has done that must be asked.
    if (now === 'unknown') throw misled(`${pointed.name} leads to ${pointed.tell(object)}`);
    if ((await api.patch(path, object, pointed.change(object, side))) !== undefined) continue;
    if (monotonicMs() + lookEveryMs >= deadline) {
      throw misled(`${pointed.name} is written by somebody else again and again: ${others + 1} times`);
    }
    await sleep(lookEveryMs);
  }
}

async function followed<T extends KubeObject>(pointed: Pointed<T>, side: Side, deadline: number): Promise<void> {
  if (pointed.hasFollowed === undefined) return;
  while (!(await pointed.hasFollowed(side))) {
    if (monotonicMs() + lookEveryMs >= deadline) {
      throw misled(`${pointed.name} leads to ${side}, and no pod of it takes connections there`);
    }
    await sleep(lookEveryMs);
  }
}

export function misled(why: string): TealError {
  return new TealError('TEAL-TRAFFIC-061', why);
}

/** Whether a program puts it back as a repository has it. */
export function keptBy(name: string, { metadata }: KubeObject): readonly RouterFinding[] {
  const keeper = metadata.managedFields?.find(({ manager = '' }) => keepers.test(manager))?.manager;
  if (keeper === undefined) return [];
  return [
    {
      severity: 'warning',
      what: `${name} is kept by ${keeper}.`,
      why: 'It may put back what a cut changes; clients are then led to the side that has lost.',
      mend: 'Have it leave these fields alone (Argo CD: ignoreDifferences with RespectIgnoreDifferences), or pause it for the cut and write the new side into its repository.',
    },
  ];
}

function connections(name: string): RouterFinding {
  return {
    severity: 'warning',
    what: `${name} leads new connections.`,
    why: 'Connections that are there stay on the side that has lost, where their writes are refused, until they end.',
    mend: 'Have pools drop a connection whose write is refused (SQLSTATE 25006), or limit the age of their connections to traffic.ttl.',
  };
}
