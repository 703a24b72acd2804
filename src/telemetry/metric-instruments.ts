import { Counter, Histogram, type Registry } from 'prom-client'

const RESPONSE_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
const LAG_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const LEDGER_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

/** Creates the counters and histograms in `registers`. Histograms take seconds. */
export function createInstruments(registers: Registry[]) {
  return {
    ...createOperationInstruments(registers),
    ...createUpstreamInstruments(registers),
    pollLag: new Histogram({
      name: 'zerograph_poll_lag_seconds',
      help: 'Time from when a poll was due to when it began.',
      labelNames: ['kind'],
      buckets: LAG_SECONDS,
      registers,
    }),
    ledgerDuration: new Histogram({
      name: 'zerograph_ledger_call_duration_seconds',
      help: 'Duration of ledger calls, including failed calls.',
      labelNames: ['call'],
      buckets: LEDGER_SECONDS,
      registers,
    }),
  }
}

function createOperationInstruments(registers: Registry[]) {
  return {
    operations: new Counter({
      name: 'zerograph_operations_total',
      help: 'Operations that have ended. The outcome is the code of the first error, or ok.',
      labelNames: ['name', 'type', 'outcome'],
      registers,
    }),
    operationDuration: new Histogram({
      name: 'zerograph_operation_duration_seconds',
      help: 'From the beginning of execution to the response, or to the beginning of a subscription.',
      labelNames: ['name', 'type'],
      buckets: RESPONSE_SECONDS,
      registers,
    }),
    refusedRequests: new Counter({
      name: 'zerograph_refused_requests_total',
      help: 'Requests that were refused before they became operations.',
      labelNames: ['transport', 'status', 'code'],
      registers,
    }),
  }
}

function createUpstreamInstruments(registers: Registry[]) {
  return {
    upstreamDuration: new Histogram({
      name: 'zerograph_upstream_call_duration_seconds',
      help: 'Duration of attempts to call 0-0, by outcome.',
      labelNames: ['method', 'route', 'status', 'code'],
      buckets: RESPONSE_SECONDS,
      registers,
    }),
    upstreamRetries: new Counter({
      name: 'zerograph_upstream_retries_total',
      help: 'Attempts to call 0-0 after the first attempt of a call.',
      labelNames: ['route'],
      registers,
    }),
  }
}
