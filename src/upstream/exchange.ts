import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher, Pool } from 'undici'

/** More than any answer of 0-0 needs; what comes after it is not read. */
export const MAX_BODY_BYTES = 1024 * 1024

export type Method = 'GET' | 'POST'

export interface HttpRequest {
  method: Method
  path: string
  headers: Record<string, string>
  body: string | null
}

export interface HttpResponse {
  status: number
  headers: IncomingHttpHeaders
  /** The first MiB at most; less when an answer other than 2xx broke off, since its status counts all the same. */
  body: string
}

/** How far a request had come: waiting for a connection of ours, waiting for 0-0 to accept one, or on its way. */
export type ExchangeStage = 'QUEUED' | 'CONNECTING' | 'SENT'

const STAGES: Record<ExchangeStage, string> = {
  QUEUED: 'the request waited for a free connection and was never sent',
  CONNECTING: 'no connection came about and the request was never sent',
  SENT: 'the exchange broke off',
}

/** An exchange without a usable answer. Unless `stage` is SENT, not one byte of the request has left. */
export class ExchangeError extends Error {
  override readonly name = 'ExchangeError'
  readonly stage: ExchangeStage

  constructor(stage: ExchangeStage, cause: unknown) {
    super(STAGES[stage], { cause })
    this.stage = stage
  }
}

/**
 * Sends one request and reads its answer, following and repeating nothing. `signal` is the only limit in time: it ends the
 * exchange wherever it stands, also while it connects. `onSent` is called just before the first byte leaves.
 *
 * Speaks to `dispatch`, since `pool.request` neither tells whether a request has left nor lets one go that still waits.
 */
export function exchange(
  pool: Pool,
  request: HttpRequest,
  signal: AbortSignal,
  onSent: () => void,
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | null = null
    let head: Omit<HttpResponse, 'body'> | null = null
    const chunks: Buffer[] = []
    let sizeBytes = 0

    const finish = () => {
      signal.removeEventListener('abort', onAbort)
      const body = Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES)
      if (head !== null) resolve({ ...head, body: new TextDecoder().decode(body) })
    }
    const fail = (error: unknown) => {
      signal.removeEventListener('abort', onAbort)
      if (head !== null && !isSuccess(head.status)) finish()
      else reject(new ExchangeError(controller === null ? 'CONNECTING' : 'SENT', error))
    }
    const onAbort = () => {
      if (controller === null) fail(signal.reason)
      else controller.abort(signal.reason)
    }
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) return fail(signal.reason)

    pool.dispatch(
      { ...request, headersTimeout: 0, bodyTimeout: 0 },
      {
        onRequestStart(started) {
          // What is thrown here ends this request alone; abort() would also close the socket that the next one could use.
          if (signal.aborted) throw signal.reason
          controller = started
          onSent()
        },
        onResponseStart(_controller, status, headers) {
          if (status >= 200) head = { status, headers }
        },
        onResponseData(receiving, chunk) {
          chunks.push(chunk)
          sizeBytes += chunk.length
          if (sizeBytes <= MAX_BODY_BYTES) return
          finish()
          receiving.abort(new Error(`the answer is longer than ${MAX_BODY_BYTES} bytes`))
        },
        onResponseEnd: finish,
        onResponseError: (_controller, error) => fail(error),
      },
    )
  })
}

export function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299
}
