import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type Context, Hono } from 'hono'
import { readCaller } from './account.ts'
import { type CallLog, type CallRecord, readableBody, redact } from './call-record.ts'
import type { Faults, RouteName, Switches } from './fault.ts'
import { askProvider } from './provider-attempt.ts'
import { type ErrorShape, gatewayError, type Reply } from './reply.ts'
import { MODELS } from './task-input.ts'

/** One authorised request, as the routes see it. */
export interface Call {
  account: string
  /** The id in the path, on reads. */
  id: string
  query: Record<string, string>
  body: Record<string, unknown>
  /** Where the caller reached the sandbox, e.g. `http://127.0.0.1:4010`. */
  origin: string
  switches: Switches
  /** Whose words errors are in. */
  shape: ErrorShape
}
export type Routes = Record<RouteName, (call: Call) => Reply>

export interface ApiOptions {
  routes: Routes
  faults: Faults
  calls: CallLog
  log: (line: Record<string, unknown>) => void
  closing: AbortSignal
}

type Env = { Bindings: HttpBindings; Variables: { record: CallRecord } }

const PATHS: Array<[RouteName, 'GET' | 'POST', string]> = [
  ['createAssetGroup', 'POST', '/asset-groups'],
  ['getAssetGroup', 'GET', '/asset-groups/:id'],
  ['createAsset', 'POST', '/assets'],
  ['getAsset', 'GET', '/assets/:id'],
  ['createVideoTask', 'POST', '/video/tasks'],
  ['getVideoTask', 'GET', '/video/tasks/:id'],
]

/** Groups and assets are routed by it when nothing else is named (upstream-api 1). */
const DEFAULT_MODEL = 'seedance-2-0'
const MAX_BODY_BYTES = 64 * 1024 * 1024
const BAD_GATEWAY =
  '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>'

/** The REST API itself, to be mounted on `/v1`. */
export function createApi({ routes, faults, calls, log, closing }: ApiOptions): Hono<Env> {
  const api = new Hono<Env>()

  api.use(async (context, next) => {
    const started = performance.now()
    const { req } = context
    if (Number(req.header('content-length')) > MAX_BODY_BYTES) {
      context.res = send(context, gatewayError.tooLarge())
      return
    }
    const caller = readCaller(req.header('authorization'))
    const record: CallRecord = {
      at: new Date().toISOString(),
      method: req.method,
      path: req.path,
      query: req.query(),
      headers: redact(req.header()),
      body: readableBody(await req.text()),
      account: 'account' in caller ? caller.account : null,
      status: null,
    }
    calls.add(record)
    context.set('record', record)
    context.header('x-request-id', req.header('x-request-id') ?? randomUUID())
    if (req.header('x-access-key') !== undefined || req.header('x-secret-key') !== undefined) {
      context.res = send(context, gatewayError.providerCredential())
    } else {
      await next()
    }
    // What a fault cut short was never answered.
    if (!context.res.headers.has('x-hono-already-sent')) record.status = context.res.status
    const { method, path, status } = record
    log({ event: 'call', method, path, status, ms: Math.round(performance.now() - started) })
  })

  for (const [route, method, path] of PATHS) {
    api.on(method, path, (context) => answer(context, route))
    api.all(path, (context) => send(context, gatewayError.methodNotAllowed(faults.runtime())))
  }
  api.get('/models', (context) => {
    const refused = refuseCaller(context, faults.runtime())
    return send(
      context,
      refused ?? { status: 200, body: { object: 'list', data: MODELS.map(showModel) } },
    )
  })
  api.get('/models/:model', (context) => {
    const model = context.req.param('model')
    const known = MODELS.includes(model)
    const shape = faults.runtime()
    const refused = refuseCaller(context, shape)
    return send(
      context,
      refused ??
        (known ? { status: 200, body: showModel(model) } : gatewayError.unknownModel(shape, model)),
    )
  })
  api.all('*', (context) => send(context, gatewayError.notFound(faults.runtime())))
  return api

  async function answer(context: Context<Env>, route: RouteName): Promise<Response> {
    const switches = faults.take(route, context.var.record.account)
    if (switches.reset === 'before') return reset(context)
    if (switches.hang === 'before') return hang(context)
    if (switches.html502) return context.html(BAD_GATEWAY, 502)

    const reply = await decide(context, route, switches)
    if (switches.delayMs) await sleep(switches.delayMs, undefined, { signal: closing })
    if (switches.reset === 'after') return reset(context)
    if (switches.hang === 'after') return hang(context)
    if (switches.truncate) return truncate(context, reply)
    if (switches.runtime === 'rust' && !isWordOfRust(reply)) {
      context.header('x-uni-api-runtime', 'rust')
    }
    return send(context, reply)
  }

  async function decide(
    context: Context<Env>,
    route: RouteName,
    switches: Switches,
  ): Promise<Reply> {
    const { req } = context
    const shape = switches.runtime ?? 'edge'
    const refused = refuseCaller(
      context,
      switches.badKeyStatus && shape === 'edge' ? 'python' : shape,
    )
    if (refused) return refused
    if (switches.rateLimit) return limitRate(shape, switches.rateLimit)
    if (switches.coolingDown) return gatewayError.coolingDown()
    if (switches.insufficientBalance && (req.method === 'POST' || shape === 'rust')) {
      return gatewayError.insufficientBalance(shape)
    }

    const query = req.query()
    if (route !== 'createVideoTask' && route !== 'getVideoTask') {
      // Rust looks for a model called "video" when a read names none (upstream-api 1).
      const model = query.model ?? (shape === 'rust' && req.method === 'GET' ? 'video' : undefined)
      if (model !== undefined && !MODELS.includes(model)) {
        return gatewayError.unknownModel(shape, model)
      }
    }
    if (switches.forgetRoutes && query.model === undefined) {
      return route === 'getVideoTask'
        ? gatewayError.unknownTask(shape === 'edge' ? 'python' : shape)
        : gatewayError.unknownModel(shape, 'video')
    }
    const { body, refusal } = req.method === 'POST' ? readBody(await req.text(), shape) : NO_BODY
    if (refusal) return refusal
    const call: Call = {
      account: context.var.record.account as string,
      id: req.param('id') ?? '',
      query,
      body,
      origin: new URL(req.url).origin,
      switches,
      shape,
    }
    if (switches.duplicatePost) routes[route](call)
    const model = typeof body.model === 'string' ? body.model : (query.model ?? DEFAULT_MODEL)
    return askProvider({ route, shape, switches, model, id: call.id }, () => routes[route](call))
  }
}

function refuseCaller({ req }: Context<Env>, shape: ErrorShape): Reply | null {
  const caller = readCaller(req.header('authorization'))
  if (!('refused' in caller)) return null
  const isElsewhere = caller.refused === 'missingKey' && req.header('x-api-key') !== undefined
  if (isElsewhere && shape === 'python') return gatewayError.notAuthenticated()
  return gatewayError[caller.refused](shape)
}

/** Rust does not name itself on its own 403, 404, 405 and 429 (upstream-api 1). */
function isWordOfRust({ status, body }: Reply): boolean {
  const isNested = typeof body === 'object' && body !== null && 'error' in body
  return isNested && [403, 404, 405, 429].includes(status)
}

function limitRate(shape: ErrorShape, limit: Switches['rateLimit']): Reply {
  const reply = gatewayError.rateLimited(shape)
  return typeof limit === 'object'
    ? { ...reply, headers: { 'retry-after': String(limit.retryAfter) } }
    : reply
}

interface ReadBody {
  body: Record<string, unknown>
  /** What is answered instead when the body is no object. */
  refusal: Reply | null
}

const NO_BODY: ReadBody = { body: {}, refusal: null }

function readBody(text: string, shape: ErrorShape): ReadBody {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return { body: {}, refusal: gatewayError.invalidJson(shape) }
  }
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body)
  return isObject
    ? { body: body as Record<string, unknown>, refusal: null }
    : { body: {}, refusal: gatewayError.notAnObject(shape) }
}

function showModel(id: string) {
  return { id, object: 'model', created: 1767225600, owned_by: 'uni-api' }
}

function send(context: Context<Env>, { status, body, headers }: Reply): Response {
  return context.json(body, status as 200, headers)
}

function reset(context: Context<Env>): Response {
  context.env.incoming.socket.resetAndDestroy()
  return RESPONSE_ALREADY_SENT
}

/** Until the caller, or the sandbox, hangs up. */
async function hang(context: Context<Env>): Promise<Response> {
  await once(context.env.incoming.socket, 'close')
  return RESPONSE_ALREADY_SENT
}

/** Half of the body that the header promises. */
function truncate(context: Context<Env>, { status, body }: Reply): Response {
  const { incoming, outgoing } = context.env
  const bytes = Buffer.from(JSON.stringify(body))
  outgoing.writeHead(status, {
    'content-type': 'application/json',
    'content-length': bytes.length,
  })
  outgoing.write(bytes.subarray(0, bytes.length / 2), () => incoming.socket.destroy())
  return RESPONSE_ALREADY_SENT
}
