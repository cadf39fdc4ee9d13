/** One attribute's value. Names of attributes are a promise, as those of metrics are. */
export type SpanValue = string | number | boolean;
export type SpanAttributes = Readonly<Record<string, SpanValue>>;

/** A span as OpenTelemetry means it: a piece of work with its beginning and its end. */
export interface Span {
  /** 32 and 16 hexadecimal digits, neither all zero. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId?: string;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  /** What has failed; absent where nothing has. */
  readonly failure?: string;
  readonly events: readonly { readonly name: string; readonly atMs: number; readonly attributes: SpanAttributes }[];
}

const kindInternal = 1;
const statusOk = 1;
const statusError = 2;

/**
 * Spans as an `ExportTraceServiceRequest` in the JSON encoding of OTLP 1.x: identifiers in hexadecimal, 64-bit integers as texts, enums as numbers. Written here and not taken from the SDK of
 * OpenTelemetry: spans are made after the fact, of records that have both ends, so that of its six packages one function would be used.
 */
export function exportRequest(
  resource: SpanAttributes,
  scope: { readonly name: string; readonly version: string },
  spans: readonly Span[],
): object {
  return {
    resourceSpans: [
      {
        resource: { attributes: attributesOf(resource) },
        scopeSpans: [{ scope, spans: spans.map(encoded) }],
      },
    ],
  };
}

function encoded({ parentId, startMs, endMs, failure, attributes, events, traceId, spanId, name }: Span): object {
  return {
    traceId,
    spanId,
    ...(parentId === undefined ? {} : { parentSpanId: parentId }),
    name,
    kind: kindInternal,
    startTimeUnixNano: nanos(startMs),
    endTimeUnixNano: nanos(Math.max(startMs, endMs)),
    attributes: attributesOf(attributes),
    events: events.map((event) => ({
      name: event.name,
      timeUnixNano: nanos(event.atMs),
      attributes: attributesOf(event.attributes),
    })),
    status: failure === undefined ? { code: statusOk } : { code: statusError, message: failure },
  };
}

/** Past what a JavaScript number holds exactly. */
function nanos(ms: number): string {
  return `${BigInt(Math.round(ms)) * 1_000_000n}`;
}

function attributesOf(attributes: SpanAttributes): readonly object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: valueOf(value) }));
}

function valueOf(value: SpanValue): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
