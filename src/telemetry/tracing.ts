import { setTimeout as pause } from 'node:timers/promises'
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'
import packageJson from '../../package.json' with { type: 'json' }
import type { OperationObserver } from './operation.ts'

/** Sends a span for each operation, and one below it for each upstream attempt, to a collector. */
export interface Tracing {
  observe: OperationObserver
  /** Sends what has not been sent, unless that takes too long. Does not fail. */
  stop(): Promise<void>
}

/** Of one export, its retries included; also how long stopping may take. */
const EXPORT_TIMEOUT_MS = 2_000

export interface TracingOptions {
  /** The base URL of a collector that takes OTLP over HTTP. While it is away, spans are dropped. */
  endpoint: string
  /** Told once when spans can no longer be sent, until one is again. */
  onError(error: unknown): void
}

export function startTracing({ endpoint, onError }: TracingOptions): Tracing {
  const exporter = reporting(
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
  const tracer = provider.getTracer(name, version)

  return {
    observe({ requestId, type, name, transport, traceparent }) {
      const parent = parentOf(traceparent)
      const span = tracer.startSpan(
        [type ?? 'operation', name].filter(Boolean).join(' '),
        {
          kind: SpanKind.SERVER,
          attributes: given({
            'graphql.operation.type': type,
            'graphql.operation.name': name,
            'zerograph.request_id': requestId,
            'zerograph.transport': transport,
          }),
        },
        parent,
      )
      const context = trace.setSpan(parent, span)
      return {
        attempted({ method, route, status, durationMs, attempt, errorCode }) {
          const endTime = Date.now()
          const child = tracer.startSpan(
            `${method} ${route}`,
            {
              kind: SpanKind.CLIENT,
              startTime: endTime - durationMs,
              attributes: given({
                'http.request.method': method,
                'url.template': route,
                'http.response.status_code': status,
                'zerograph.attempt': attempt,
                'error.type': errorCode,
              }),
            },
            context,
          )
          if (errorCode !== null) child.setStatus({ code: SpanStatusCode.ERROR })
          child.end(endTime)
        },
        ended({ errors, upstreamCalls }) {
          const [code] = errors
          span.setAttributes(
            given({ 'zerograph.upstream_calls': upstreamCalls, 'error.type': code ?? null }),
          )
          if (code !== undefined) span.setStatus({ code: SpanStatusCode.ERROR })
          span.end()
        },
      }
    },

    async stop() {
      const sent = provider.shutdown().catch(() => {})
      await Promise.race([sent, pause(EXPORT_TIMEOUT_MS, undefined, { ref: false })])
    },
  }
}

function reporting(exporter: SpanExporter, onError: (error: unknown) => void): SpanExporter {
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

/** W3C Trace Context, 3.2.2: version 00 ends after its flags, later ones may go on. */
const TRACEPARENT = /^(?!ff|00.{54})[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-|$)/

/** What a caller's span is known by; from ids that are empty or all zeros OpenTelemetry begins a trace of its own. */
function parentOf(traceparent: string | null): Context {
  const [, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(traceparent ?? '') ?? []
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
}

function given(attributes: Record<string, string | number | null>): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).filter(
      (entry): entry is [string, string | number] => entry[1] !== null,
    ),
  )
}
