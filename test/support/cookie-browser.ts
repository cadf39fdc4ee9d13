import { askApi, type ApiAnswer, type ApiRequest } from '../../src/app/test-support/ask-api.ts';

export interface Visited extends ApiAnswer {
  readonly url: URL;
}

/** As a browser is for a server of HTTP: it keeps cookies by host, sends them there, and says from where it comes. */
export class CookieBrowser {
  readonly cookies = new Map<string, Map<string, string>>();
  readonly #ca: string | undefined;

  constructor(ca?: string) {
    this.#ca = ca;
  }

  /** One request, with what a page of the same site says of itself unless it is told otherwise. */
  async ask(url: URL | string, request: Omit<ApiRequest, 'path'> = {}): Promise<Visited> {
    const place = new URL(url);
    const kept = this.cookies.get(place.hostname) ?? new Map<string, string>();
    this.cookies.set(place.hostname, kept);
    const cookie = [...kept].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { 'sec-fetch-site': 'same-origin', ...(cookie === '' ? {} : { cookie }), ...request.headers };
    const path = `${place.pathname}${place.search}`;
    const secure = place.protocol === 'https:' && this.#ca !== undefined ? { ca: this.#ca } : {};
    const answer = await askApi(place.origin, { ...request, ...secure, path, headers });
    for (const line of answer.headers['set-cookie'] ?? []) keep(kept, line);
    return { ...answer, url: place };
  }

  /** Goes there as a click would, and on wherever it is sent, until a page answers or `until` says so. */
  async go(url: URL | string, until: (at: URL) => boolean = () => false): Promise<Visited> {
    let [at, before] = [new URL(url), new URL(url)];
    for (let hops = 0; hops < 20; hops += 1) {
      const site = at.hostname === before.hostname ? 'same-origin' : 'cross-site';
      const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
      const answer = await this.ask(at, { headers });
      const { location } = answer.headers;
      if (location === undefined || answer.status < 300 || answer.status > 399) return answer;
      const next = new URL(location, at);
      if (until(next)) return { ...answer, url: next };
      [before, at] = [at, next];
    }
    throw new Error(`sent on and on from ${String(url)}`);
  }
}

function keep(kept: Map<string, string>, line: string): void {
  const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
  if (/; *max-age=0/i.test(line) || /expires=Thu, 01 Jan 1970/i.test(line)) kept.delete(name);
  else kept.set(name, value);
}
