import { setTimeout as pause } from 'node:timers/promises'
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'
import packageJson from '../../package.json' with { type: 'json' }
import type { Operation, OperationObserver } from './operation.ts'
import type { UpstreamAttempt } from './upstream-attempt.ts'

/** Sends traces to a collector: one span for each operation, with one child span for each upstream attempt. */
export interface Tracing {
  /** Creates the spans. */
  observe: OperationObserver
  /** Sends the remaining spans. Waits at most two seconds, then drops them. Does not fail. */
  stop(): Promise<void>
}

/** Options of tracing. */
export interface TracingOptions {
  /** The base URL of a collector that accepts OTLP over HTTP. Spans are dropped while it is unreachable. */
  endpoint: string
  /** Called when an export fails. Not called for further failures until an export has succeeded. */
  onError(error: unknown): void
}

/** Timeout of one export including its retries, and of `stop`. */
const EXPORT_TIMEOUT_MS = 2_000

/** Creates the exporter and starts to export spans in the background. */
export function startTracing({ endpoint, onError }: TracingOptions): Tracing {
  const exporter = withFailureReport(
    new OTLPTraceExporter({
      url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
      timeoutMillis: EXPORT_TIMEOUT_MS,
    }),
    onError,
  )
  const { name, version } = packageJson
  const provider = new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({ 'service.name': name, 'service.version': version }),
    ),
    spanProcessors: [new BatchSpanProcessor({ exporter, exportTimeoutMillis: EXPORT_TIMEOUT_MS })],
  })

  return {
    observe: createOperationObserver(provider.getTracer(name, version)),
    async stop() {
      const sent = provider.shutdown().catch(() => {})
      await Promise.race([sent, pause(EXPORT_TIMEOUT_MS, undefined, { ref: false })])
    },
  }
}

function createOperationObserver(tracer: Tracer): OperationObserver {
  return (operation) => {
    const parent = parentOf(operation.traceparent)
    const span = startOperationSpan(tracer, parent, operation)
    const context = trace.setSpan(parent, span)
    return {
      attempted: (attempt) => recordAttemptSpan(tracer, context, attempt),
      ended({ errors: [code = null], upstreamCalls }) {
        span.setAttributes(
          withoutNulls({ 'zerograph.upstream_calls': upstreamCalls, 'error.type': code }),
        )
        if (code !== null) span.setStatus({ code: SpanStatusCode.ERROR })
        span.end()
      },
    }
  }
}

function startOperationSpan(
  tracer: Tracer,
  parent: Context,
  { requestId, type, name, transport }: Operation,
): Span {
  const attributes = withoutNulls({
    'graphql.operation.type': type,
    'graphql.operation.name': name,
    'zerograph.request_id': requestId,
    'zerograph.transport': transport,
  })
  const spanName = [type ?? 'operation', name].filter(Boolean).join(' ')
  return tracer.startSpan(spanName, { kind: SpanKind.SERVER, attributes }, parent)
}

/** The attempt has already ended, so its start time is calculated from its duration. */
function recordAttemptSpan(
  tracer: Tracer,
  context: Context,
  { method, route, status, durationMs, attempt, errorCode }: UpstreamAttempt,
): void {
  const endTime = Date.now()
  const attributes = withoutNulls({
    'http.request.method': method,
    'url.template': route,
    'http.response.status_code': status,
    'zerograph.attempt': attempt,
    'error.type': errorCode,
  })
  const span = tracer.startSpan(
    `${method} ${route}`,
    { kind: SpanKind.CLIENT, startTime: endTime - durationMs, attributes },
    context,
  )
  if (errorCode !== null) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end(endTime)
}

/** Returns `exporter` so that it calls `onError` at the first of several failures in a row. */
function withFailureReport(
  exporter: SpanExporter,
  onError: (error: unknown) => void,
): SpanExporter {
  let isFailing = false
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        if (result.error && !isFailing) onError(result.error)
        isFailing = result.error !== undefined
        done(result)
      }),
    shutdown: () => exporter.shutdown(),
  }
}

/** W3C Trace Context, 3.2.2: version 00 ends after the flags; a later version may have more fields after them. */
const TRACEPARENT = /^(?!ff|00.{54})[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-|$)/

/** Returns a context with the caller's span. OpenTelemetry starts a new trace when the ids are empty or all zeros. */
function parentOf(traceparent: string | null): Context {
  const [, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(traceparent ?? '') ?? []
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
}

function withoutNulls(attributes: Record<string, string | number | null>): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).filter(
      (entry): entry is [string, string | number] => entry[1] !== null,
    ),
  )
}
