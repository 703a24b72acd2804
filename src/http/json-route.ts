import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ExecutionResult } from 'graphql'
import type { GraphQLParams } from 'graphql-yoga'
import type { ContextInput, GraphQLHandler } from '../execution/graphql-handler.ts'
import { COST_REQUEST } from '../execution/operation-limits.ts'
import { compressLongJson } from './response-compression.ts'
import { responseTypeOf } from './response-type.ts'

/**
 * Responds to a POST of JSON without Yoga, and returns null. For everything that is not a valid, cached query or mutation,
 * it returns the request with which Yoga must respond. The body may be read by then; `request.body` has it.
 */
export type JsonRoute = (
  request: IncomingMessage & { body?: string },
  response: ServerResponse,
  requestId: string,
) => Promise<ContextInput | null>

/** Creates the route. `maxBodyBytes` limits what it reads; Yoga refuses larger bodies. */
export function createJsonRoute(
  { executeDirectly, identify }: Pick<GraphQLHandler, 'executeDirectly' | 'identify'>,
  maxBodyBytes: number,
): JsonRoute {
  return async (request, response, requestId) => {
    const type = isPlainJson(request, maxBodyBytes) ? responseTypeOf(request.headers.accept) : null
    if (type === null) return { requestId }
    const body = await readBody(request)
    // The connection broke, so nobody waits for a response.
    if (body === null) return null
    request.body = body
    const params = paramsOf(body)
    if (params === null) return { requestId }

    const { authorization = null, traceparent } = request.headers
    const identity = await identify(authorization).catch(() => undefined)
    // An error of ours. Yoga authenticates again, and reports it.
    if (identity === undefined) return { requestId }
    const signal = signalOf(response)
    const context = { identity, requestId, signal, traceparent: textOf(traceparent) }
    const result = await executeDirectly(params, context)
    if (result === null) return { requestId, identity }
    const text = JSON.stringify(result.errors ? withoutInternals(result) : result)
    compressLongJson(request, response, text)
    const bytes = Buffer.byteLength(text)
    const headers = { 'content-type': `${type}; charset=utf-8`, 'content-length': bytes }
    // In ASCII both encodings give the same bytes, and Latin-1 is written faster.
    const encoding = bytes === text.length ? 'latin1' : 'utf8'
    response.writeHead('data' in result ? 200 : 500, headers).end(text, encoding)
    return null
  }
}

/** Whether the body is JSON without encoding and with a known length. */
function isPlainJson({ method, headers }: IncomingMessage, maxBodyBytes: number): boolean {
  if (method !== 'POST' || !JSON_TYPES.has(headers['content-type'] ?? '')) return false
  if (headers['content-encoding'] !== undefined || headers[COST_REQUEST] !== undefined) return false
  const length = headers['content-length']
  return length !== undefined && Number(length) <= maxBodyBytes
}

/** Other spellings of the type are left to Yoga. */
const JSON_TYPES = new Set(['application/json', 'application/json; charset=utf-8'])

/** The body as text, or null when it does not arrive completely. */
function readBody(request: IncomingMessage): Promise<string | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const [first] = chunks
      resolve((chunks.length === 1 && first ? first : Buffer.concat(chunks)).toString('utf8'))
    })
    request.on('error', () => resolve(null))
    request.on('close', () => resolve(null))
  })
}

/** The parameters of an operation, or null when the body has anything else or requests the cost. */
function paramsOf(body: string): GraphQLParams | null {
  const params = parse(body)
  if (!isObject(params)) return null
  const { query, operationName, variables, extensions, ...others } = params
  if (Object.keys(others).length > 0) return null
  if (typeof query !== 'string' && query !== undefined) return null
  if (operationName != null && typeof operationName !== 'string') return null
  if (variables != null && !isObject(variables)) return null
  if (extensions != null && (!isObject(extensions) || COST_REQUEST in extensions)) return null
  return params
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return null
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOf(header: string | string[] | undefined): string | null {
  return typeof header === 'string' ? header : null
}

/** Aborts when the connection closes before the response is finished. */
function signalOf(response: ServerResponse): AbortSignal {
  const abort = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) abort.abort()
  })
  return abort.signal
}

/** Removes the extensions that only the server uses, as Yoga does. */
function withoutInternals(result: ExecutionResult): object {
  const errors = result.errors?.map((error) => {
    const { extensions: { http, unexpected, ...extensions } = {}, ...formatted } = error.toJSON()
    return Object.keys(extensions).length > 0 ? { ...formatted, extensions } : formatted
  })
  return { ...result, errors }
}
