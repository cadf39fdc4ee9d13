import { describeError } from '../../../../kernel/errors.ts';
import { CanaryCourse, connectLimitMs, KeptCanary, type CourseOptions } from '../../canary/course.ts';
import type { MysqlConnectResult, MysqlLogin } from '../connector.ts';
import type { MysqlLink } from '../link.ts';
import type { MysqlShadowDesk } from '../shadow/desk.ts';
import { MysqlJudge, type MysqlJudged } from '../shadow/judge.ts';
import type { MysqlTapDesk } from '../shadow/tap.ts';
import { MysqlGreenLink } from './green-link.ts';

export interface MysqlCanaryOptions extends CourseOptions {
  readonly desk: Pick<MysqlShadowDesk, 'written' | 'applied' | 'ownFunctions'>;
  /** To green. */
  readonly connect: (login: MysqlLogin, signal: AbortSignal) => Promise<MysqlConnectResult>;
}

/** Moves reads of MySQL and MariaDB. */
export class MysqlCanary extends KeptCanary<MysqlCanaryRun> {
  readonly #options: MysqlCanaryOptions;

  constructor(options: MysqlCanaryOptions) {
    super(options);
    this.#options = options;
  }

  /** Errors: those of asking blue for its functions. */
  protected async ready(): Promise<(over: () => void) => MysqlCanaryRun> {
    const own = await this.#options.desk.ownFunctions();
    return (over) => new MysqlCanaryRun(this.#options, new MysqlJudge(own, { allowed: 'clocks' }), over);
  }
}

/** From the first share to the end. */
export class MysqlCanaryRun extends CanaryCourse implements MysqlTapDesk {
  readonly #options: MysqlCanaryOptions;
  readonly #judge: MysqlJudge;

  constructor(options: MysqlCanaryOptions, judge: MysqlJudge, over: () => void) {
    super(options, over);
    this.#options = options;
    this.#judge = judge;
  }

  greenLink(): MysqlGreenLink {
    return new MysqlGreenLink({ connect: this.#options.connect, limitMs: connectLimitMs });
  }

  /** Who runs a statement may end it, without a further right. */
  cancel(link: MysqlLink, login: MysqlLogin): void {
    void this.#cancel(link, login).catch((error: unknown) => {
      this.#options.log('green could not be asked to end a read', { because: describeError(error) });
    });
  }

  async #cancel({ greeted }: MysqlLink, login: MysqlLogin): Promise<void> {
    const result = await this.#options.connect(login, AbortSignal.timeout(connectLimitMs));
    if ('refused' in result) return;
    try {
      await result.link.query(`kill query ${greeted.connectionId}`);
    } finally {
      result.link.end();
    }
  }

  // ---- what trackers ask: nothing is sampled

  draws(): boolean {
    return false;
  }

  judge(text: string): MysqlJudged {
    return this.#judge.judge(text);
  }

  skip(): void {}

  offer(): void {}

  drawsWrite(): boolean {
    return false;
  }

  isCopied(): boolean {
    return false;
  }

  skipWrite(): void {}

  offerWrite(): void {}
}
