import type {
  AcceptedVideoTask,
  AssetGroupSnapshot,
  AssetSnapshot,
  CreateAssetGroupRequest,
  CreateAssetRequest,
  CreateVideoTaskRequest,
  Platform,
  VideoTaskSnapshot,
} from '../model.ts'
import {
  type Breaker,
  type BreakerOptions,
  type BreakerState,
  createBreaker,
  type Verdict,
} from './breaker.ts'
import { openConnections } from './connections.ts'
import { startDeadline } from './deadline.ts'
import { isOutage } from './error-classification.ts'
import { UpstreamError } from './errors.ts'
import { ExchangeError, type HttpResponse, type Method } from './exchange.ts'
import { buildRequest, checkedId, type RequestOutline } from './request.ts'
import { parseResponse, type Route, unanswered, unreadable } from './response-parser.ts'
import { withRetries } from './retry.ts'
import { createRetryBudget } from './retry-budget.ts'
import * as wire from './wire.ts'

export interface UpstreamOptions {
  /** Where 0-0 is, with or without a path and with or without `/v1` at its end. */
  url: string
  /** Reads in flight at once; those beyond it wait their turn, inside their deadline. */
  maxConcurrency: number
  /** The same for creates, which have connections of their own, so that slow ones hold up no read. */
  maxCreates: number
  /** Deadlines of a whole operation: waiting, all attempts, and reading the answer. */
  getTimeoutMs: number
  postTimeoutMs: number
  retryBaseDelayMs?: number | undefined
  /** Of the breaker that each route group has; see BREAKER_DEFAULTS. */
  breaker?: Partial<BreakerOptions> | undefined
  /** Told of every attempt when it has ended, also of those an open breaker answered, for logs and metrics. */
  onCall?: ((call: UpstreamCallReport) => void) | undefined
}

export interface UpstreamCallReport {
  method: Method
  route: Route
  /** Null when no answer came. */
  status: number | null
  durationMs: number
  requestId: string
  /** From 1; those beyond it are retries. */
  attempt: number
  /**
   * Null on success; `ABORTED` when the caller had left, `BREAKER_OPEN` when nothing was sent because others had failed,
   * `QUEUE_TIMEOUT` when nothing was sent because no connection of ours became free in time.
   */
  errorCode: string | null
}

export interface UpstreamCall {
  /** The bare key, without `Bearer `. */
  credential: string
  requestId: string
  /**
   * Ends the operation with the signal's own reason: a read at any time, a create only until it has been sent. From then
   * on it may cost money, so it is seen through for its answer to be recorded.
   */
  signal?: AbortSignal | undefined
  /** Called when a create leaves: until then nothing can have been done, from then on it may have been. */
  onSent?: (() => void) | undefined
}

/** The six calls of 0-0. All of them fail with an UpstreamError, or with the reason of the caller's signal. */
export interface UpstreamClient {
  getAssetGroup(
    ref: { platform: Platform; groupId: string },
    call: UpstreamCall,
  ): Promise<AssetGroupSnapshot>
  createAssetGroup(
    request: CreateAssetGroupRequest,
    call: UpstreamCall,
  ): Promise<AssetGroupSnapshot>
  getAsset(ref: { platform: Platform; assetId: string }, call: UpstreamCall): Promise<AssetSnapshot>
  createAsset(request: CreateAssetRequest, call: UpstreamCall): Promise<AssetSnapshot>
  /** Without the model 0-0 may have forgotten where the task is (upstream-api 3.7). */
  getVideoTask(
    ref: { taskId: string; model: string | null },
    call: UpstreamCall,
  ): Promise<VideoTaskSnapshot>
  createVideoTask(request: CreateVideoTaskRequest, call: UpstreamCall): Promise<AcceptedVideoTask>
  /** Whether the routes are open to calls, for metrics: CLOSED is the good state. */
  breakers(): { group: Route; state: BreakerState }[]
  /** Takes no more calls, and ends when those it has are done. */
  close(): Promise<void>
}

/** The route inside 0-0 that a group or asset call takes; without it some answer 404 (upstream-api 1). */
const ASSET_MODEL = 'seedance-2-0'

interface Operation<T> extends RequestOutline {
  read: (json: unknown) => T
}

export function createUpstreamClient(options: UpstreamOptions): UpstreamClient {
  const { origin, pathname } = new URL(options.url)
  const basePath = pathname.replace(/\/+$/, '').replace(/\/v1$/, '')
  const connections = {
    GET: openConnections(origin, options.maxConcurrency),
    POST: openConnections(origin, options.maxCreates),
  }
  const breakers = {
    '/v1/asset-groups': createBreaker(options.breaker),
    '/v1/assets': createBreaker(options.breaker),
    '/v1/video/tasks': createBreaker(options.breaker),
  } satisfies Record<Route, Breaker>
  const retryBudget = createRetryBudget()

  async function run<T>(call: UpstreamCall, operation: Operation<T>): Promise<T> {
    call.signal?.throwIfAborted()
    const request = buildRequest(basePath, operation, call)
    const { method, route, read } = operation
    const breaker = breakers[route]
    const isGet = method === 'GET'
    const deadline = startDeadline(
      isGet ? options.getTimeoutMs : options.postTimeoutMs,
      call.signal,
    )
    const onSent = () => {
      if (isGet) return
      deadline.ignoreCaller()
      call.onSent?.()
    }

    const send = async (attempt: number): Promise<T> => {
      const startedMs = performance.now()
      const report = (status: number | null, errorCode: string | null) => {
        const durationMs = performance.now() - startedMs
        const { requestId } = call
        options.onCall?.({ method, route, status, durationMs, requestId, attempt, errorCode })
      }
      const leave = breaker.enter()
      if (leave === null) {
        report(null, 'BREAKER_OPEN')
        throw breakerOpen(route, breaker)
      }
      if (attempt === 1) retryBudget.addRequest()
      let status: number | null = null
      let errorCode: string | null = null
      try {
        const answer = await connections[method].exchange(request, deadline, onSent)
        status = answer.status
        return read(parseResponse(method, route, withoutKey(answer, call.credential)))
      } catch (error) {
        const failure = toUpstreamError(method, error)
        errorCode = isQueueTimeout(failure) ? 'QUEUE_TIMEOUT' : failure.code
        if (deadline.isCallerGone()) errorCode = 'ABORTED'
        throw failure
      } finally {
        leave(verdictOn(status, errorCode))
        report(status, errorCode)
      }
    }

    try {
      if (!isGet) return await send(1)
      return await withRetries(send, {
        baseDelayMs: options.retryBaseDelayMs ?? 200,
        deadlineMs: deadline.endsAtMs,
        signal: deadline.signal,
        // Of a breaker that is not closed, only the probe may pass, and its failure is the answer that was sought. Whoever
        // got no connection would only wait again.
        mayRetry: (failure) =>
          breaker.state === 'CLOSED' && !isQueueTimeout(failure) && retryBudget.spend(),
      })
    } catch (error) {
      throw deadline.isCallerGone() ? call.signal?.reason : error
    } finally {
      deadline.end()
    }
  }

  return {
    getAssetGroup: ({ platform, groupId }, call) =>
      run(call, {
        method: 'GET',
        route: '/v1/asset-groups',
        id: groupId,
        query: { platform, model: ASSET_MODEL },
        read: (json) => ({ ...wire.readAssetGroup(json, platform), groupId }),
      }),

    createAssetGroup: (request, call) =>
      run(call, {
        method: 'POST',
        route: '/v1/asset-groups',
        query: { model: ASSET_MODEL },
        body: wire.writeAssetGroup(request),
        read: (json) => wire.readAssetGroup(json, request.platform),
      }),

    getAsset: ({ platform, assetId }, call) =>
      run(call, {
        method: 'GET',
        route: '/v1/assets',
        id: assetId,
        query: { platform, model: ASSET_MODEL },
        read: (json) => ({ ...wire.readAsset(json, platform), assetId }),
      }),

    createAsset: async (request, call) => {
      checkedId(request.groupId)
      return run(call, {
        method: 'POST',
        route: '/v1/assets',
        query: { model: ASSET_MODEL },
        body: wire.writeAsset(request),
        read: (json) => wire.readAsset(json, request.platform),
      })
    },

    getVideoTask: ({ taskId, model }, call) =>
      run(call, {
        method: 'GET',
        route: '/v1/video/tasks',
        id: taskId,
        query: model === null ? {} : { model },
        read: (json) => ({ ...wire.readVideoTask(json), taskId }),
      }),

    createVideoTask: (request, call) =>
      run(call, {
        method: 'POST',
        route: '/v1/video/tasks',
        body: wire.writeVideoTask(request),
        read: wire.readCreatedVideoTask,
      }),

    breakers: () =>
      Object.entries(breakers).map(([group, { state }]) => ({ group: group as Route, state })),

    close: async () => {
      await Promise.all(Object.values(connections).map((each) => each.close()))
    },
  }
}

function breakerOpen(route: Route, breaker: Breaker): UpstreamError {
  return new UpstreamError('UPSTREAM_UNAVAILABLE', {
    retryAfterMs: breaker.retryAfterMs(),
    cause: `the breaker of ${route} is open`,
  })
}

/** Removes the API key from a response body that echoes it: its words may reach callers who do not hold the key. */
function withoutKey(response: HttpResponse, credential: string): HttpResponse {
  return { ...response, body: response.body.replaceAll(credential, '[key]') }
}

/** What is neither a refusal nor an exchange without an answer is an answer that could not be read. */
function toUpstreamError(method: Method, error: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error
  return error instanceof ExchangeError ? unanswered(method, error) : unreadable(method, error)
}

/** Whether the call waited for a connection of ours until its time was over. */
function isQueueTimeout({ cause }: UpstreamError): boolean {
  return cause instanceof ExchangeError && cause.stage === 'QUEUED'
}

/**
 * What an attempt tells of 0-0: silence, or an answer that it cannot work, is a failure; any other answer shows that it works.
 * Nothing is told by a caller who left, by a wait for a connection of ours, and by what is said about a key or a balance: the
 * edge says that whether or not anything behind it works, so a bad key neither opens nor closes a breaker.
 */
function verdictOn(status: number | null, errorCode: string | null): Verdict {
  if (status === null) {
    return errorCode === 'ABORTED' || errorCode === 'QUEUE_TIMEOUT' ? 'NOTHING' : 'FAILED'
  }
  if (isOutage(status)) return 'FAILED'
  return status >= 401 && status <= 403 ? 'NOTHING' : 'ANSWERED'
}
