type Env = Readonly<Record<string, string | undefined>>;

/** Where traces go, as the variables of OpenTelemetry say (its specification, "OTLP Exporter Configuration"). */
export interface TraceTarget {
  readonly url: string;
  /** They may hold what lets one in. */
  readonly headers: Readonly<Record<string, string>>;
  readonly service: string;
  readonly resource: Readonly<Record<string, string>>;
}

export type FoundTarget =
  | { readonly found: 'target'; readonly target: TraceTarget }
  | { readonly found: 'none' }
  /** `why` has no value of any variable. */
  | { readonly found: 'unusable'; readonly why: string };

/** Pure. None where no endpoint is named, or `OTEL_SDK_DISABLED` is true, or `OTEL_TRACES_EXPORTER` is none. */
export function traceTarget(env: Env): FoundTarget {
  const said = (name: string): string | undefined => (env[name]?.trim() ?? '') || undefined;
  const whole = said('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  const base = said('OTEL_EXPORTER_OTLP_ENDPOINT');
  const isOff = said('OTEL_SDK_DISABLED')?.toLowerCase() === 'true' || said('OTEL_TRACES_EXPORTER') === 'none';
  if (isOff || (whole === undefined && base === undefined)) return { found: 'none' };
  const protocol = said('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? said('OTEL_EXPORTER_OTLP_PROTOCOL');
  if (protocol === 'grpc')
    return { found: 'unusable', why: 'the variables of OpenTelemetry ask for grpc; Teal speaks OTLP over HTTP alone' };
  // Where only the base is named, the signal's own path is put behind it; the other is taken as it stands.
  const url = whole ?? `${base?.replace(/\/+$/, '') ?? ''}/v1/traces`;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    return {
      found: 'unusable',
      why: 'the endpoint that the variables of OpenTelemetry name is no http:// or https:// URL',
    };
  const { 'service.name': named, ...resource } = pairsOf(said('OTEL_RESOURCE_ATTRIBUTES'));
  const headers = {
    ...pairsOf(said('OTEL_EXPORTER_OTLP_HEADERS')),
    ...pairsOf(said('OTEL_EXPORTER_OTLP_TRACES_HEADERS')),
  };
  return { found: 'target', target: { url, headers, service: said('OTEL_SERVICE_NAME') ?? named ?? 'teal', resource } };
}

/** `key=value,key=value`, values percent-encoded; what is neither is passed over. */
function pairsOf(text = ''): Readonly<Record<string, string>> {
  return Object.fromEntries(
    text.split(',').flatMap((pair) => {
      const [, key = '', value = ''] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
      return key === '' ? [] : [[key, decoded(value)]];
    }),
  );
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch (error) {
    if (error instanceof URIError) return value;
    throw error;
  }
}
