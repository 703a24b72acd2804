import { Registry } from 'prom-client'
import { addProcessGauges, addSourceGauges, type MetricsSources } from './metric-gauges.ts'
import { createInstruments } from './metric-instruments.ts'
import { codeLabel, createNameLabel, statusClass } from './metric-labels.ts'
import type { OperationObserver } from './operation.ts'
import type { RefusedRequest } from './refused-request.ts'
import type { UpstreamAttempt } from './upstream-attempt.ts'

/** The metrics of one service. docs/metrics.md describes each of them. */
export interface Metrics {
  /** The media type of `text`. */
  readonly contentType: string
  /** Returns all metrics in the text format of Prometheus. Does not fail when the database is unreachable. */
  text(): Promise<string>
  /** Counts and times operations. */
  observe: OperationObserver
  /** Counts a refused request. */
  onRefused(refused: RefusedRequest): void
  /** Counts and times an upstream attempt that has ended. */
  onCall(attempt: UpstreamAttempt): void
  /** Records a poll that began `lagMs` milliseconds after it was due. */
  onPoll(poll: { kind: string; lagMs: number }): void
  /** Records a ledger call, successful or failed. `name` is the label value `call`. */
  onLedgerCall(name: string, durationMs: number): void
  /** Stops the measurement of the event loop. */
  stop(): void
}

/** Creates the metrics in a registry of their own, so that two services in one process are counted separately. */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const instruments = createInstruments(registers)
  addSourceGauges(registers, sources)
  const stop = addProcessGauges(registers)

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observe: createOperationObserver(instruments),

    onRefused({ transport, status, code }) {
      const labels = { transport, status: status ?? 'none', code: codeLabel(code) }
      instruments.refusedRequests.inc(labels)
    },

    onCall({ method, route, status, durationMs, attempt, errorCode }) {
      const labels = { method, route, status: statusClass(status), code: codeLabel(errorCode) }
      instruments.upstreamDuration.observe(labels, durationMs / 1_000)
      if (attempt > 1) instruments.upstreamRetries.inc({ route })
    },

    onPoll: ({ kind, lagMs }) => instruments.pollLag.observe({ kind }, Math.max(0, lagMs) / 1_000),
    onLedgerCall: (call, durationMs) =>
      instruments.ledgerDuration.observe({ call }, durationMs / 1_000),
    stop,
  }
}

function createOperationObserver({
  operations,
  operationDuration,
}: ReturnType<typeof createInstruments>): OperationObserver {
  const nameLabel = createNameLabel()
  return (operation) => {
    const labels = { name: nameLabel(operation.name), type: operation.type ?? 'unknown' }
    let isTimed = false
    // The duration of a subscription is recorded when it begins, not when it ends.
    const recordDuration = (durationMs: number) => {
      if (!isTimed) operationDuration.observe(labels, durationMs / 1_000)
      isTimed = true
    }
    return {
      began: ({ durationMs }) => recordDuration(durationMs),
      ended({ durationMs, errors: [code] }) {
        recordDuration(durationMs)
        operations.inc({ ...labels, outcome: codeLabel(code) })
      },
    }
  }
}
