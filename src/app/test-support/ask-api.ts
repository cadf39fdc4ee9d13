import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { text } from 'node:stream/consumers';

export interface ApiRequest {
  readonly method?: string;
  readonly path: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca?: string;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly json: unknown;
}

/** Asks with headers exactly as they are given, `Host` and `Origin` too, which `fetch` would set itself. */
export async function askApi(url: string, request: ApiRequest): Promise<ApiAnswer> {
  const answer = await openApiAnswer(url, request);
  const said = await text(answer);
  return { status: answer.statusCode ?? 0, headers: answer.headers, text: said, json: jsonOf(said) };
}

/** The answer as it comes: of a stream. */
export async function openApiAnswer(url: string, request: ApiRequest): Promise<IncomingMessage> {
  const { method = 'GET', path, token, body } = request;
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...request.headers,
  };
  const { protocol, hostname, port } = new URL(url);
  const options: RequestOptions = {
    method,
    path,
    headers,
    hostname,
    port,
    agent: false,
    ...(request.ca === undefined ? {} : { ca: request.ca }),
  };
  const asked = protocol === 'https:' ? httpsRequest(options) : httpRequest(options);
  asked.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return answer;
}

function jsonOf(said: string): unknown {
  try {
    return JSON.parse(said);
  } catch {
    return undefined;
  }
}
