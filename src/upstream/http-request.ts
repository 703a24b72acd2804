import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher, Pool } from 'undici'

/** The largest response body that is read, in bytes. No response of 0-0 needs more. */
export const MAX_BODY_BYTES = 1024 * 1024

/** The HTTP methods that 0-0 uses here: GET reads an entity, POST creates one. */
export type Method = 'GET' | 'POST'

/** One HTTP request, complete except for its origin. */
export interface HttpRequest {
  method: Method
  /** Starts with a slash and includes the query string. */
  path: string
  headers: Record<string, string>
  /** Null for a GET. */
  body: string | null
}

/** An HTTP response with any final status (200 or higher). */
export interface HttpResponse {
  status: number
  headers: IncomingHttpHeaders
  /**
   * The first MAX_BODY_BYTES bytes, decoded as UTF-8. It can be incomplete when the connection broke
   * during a response other than 2xx, because there the status alone is enough.
   */
  body: string
}

/**
 * How far a failed request got:
 * - QUEUED: it waited in our queue for a free connection.
 * - CONNECTING: it waited for 0-0 to accept the connection.
 * - SENT: at least a part of it may have been sent.
 */
type HttpRequestStage = 'QUEUED' | 'CONNECTING' | 'SENT'

const MESSAGES: Record<HttpRequestStage, string> = {
  QUEUED: 'the request waited for a free connection and was never sent',
  CONNECTING: 'no connection was established and the request was never sent',
  SENT: 'the request was sent, but no complete response arrived',
}

/** A request without a usable response. Nothing was sent unless `stage` is SENT. */
export class HttpRequestError extends Error {
  override readonly name = 'HttpRequestError'
  readonly stage: HttpRequestStage

  constructor(stage: HttpRequestStage, cause: unknown) {
    super(MESSAGES[stage], { cause })
    this.stage = stage
  }
}

/**
 * Sends one request and resolves with its response. Does not follow redirects and does not retry.
 * Rejects with an HttpRequestError when no usable response arrives.
 *
 * `signal` is the only time limit. It ends the request at any stage, also while it connects.
 * `onSent` is called just before the first byte is sent.
 *
 * Uses `pool.dispatch`, because `pool.request` does not tell whether a request was sent, and cannot
 * cancel a request that waits for a connection.
 */
export function sendHttpRequest(
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
      const [first] = chunks
      const all = chunks.length === 1 && first ? first : Buffer.concat(chunks)
      const body = all.subarray(0, MAX_BODY_BYTES)
      if (head !== null) resolve({ ...head, body: decoder.decode(body) })
    }
    const fail = (error: unknown) => {
      signal.removeEventListener('abort', onAbort)
      if (head !== null && !isSuccess(head.status)) finish()
      else reject(new HttpRequestError(controller === null ? 'CONNECTING' : 'SENT', error))
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
          // Throwing ends this request only. abort() would also close the socket, which the next
          // request can use.
          if (signal.aborted) throw signal.reason
          controller = started
          onSent()
        },
        onResponseStart(_controller, status, headers) {
          // Skip informational responses (1xx): the final response follows.
          if (status >= 200) head = { status, headers }
        },
        onResponseData(receiving, chunk) {
          chunks.push(chunk)
          sizeBytes += chunk.length
          if (sizeBytes <= MAX_BODY_BYTES) return
          finish()
          receiving.abort(new Error(`the response is longer than ${MAX_BODY_BYTES} bytes`))
        },
        onResponseEnd: finish,
        onResponseError: (_controller, error) => fail(error),
      },
    )
  })
}

/** Shared, because creating a decoder takes longer than decoding a response. */
const decoder = new TextDecoder()

/** Whether a status is 2xx. */
export function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299
}
