import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** A received request. */
export interface Call {
  method: string
  path: string
  query: Record<string, string>
  headers: IncomingMessage['headers']
  body: unknown
  at: number
}

/** A response. A string body is sent unchanged, any other as JSON. */
export interface Answer {
  status?: number
  headers?: Record<string, string>
  body: unknown
}

/** A fake 0-0 that is controlled by the test and records its requests. */
export interface ScriptedUpstream {
  url: string
  calls: Call[]
  /** The calls whose method and path begin with `prefix`, for example `GET /v1/assets/`. */
  callsTo(prefix: string): Call[]
  /** Response fields by asset id. Other ids are unknown to 0-0. */
  assets: Map<string, { status: string; group?: string; [field: string]: unknown }>
  groups: Set<string>
  tasks: Map<string, { status: string; [field: string]: unknown }>
  /** Overrides the response when it returns one. May be asynchronous. */
  intercept: (call: Call) => Answer | 'reset' | undefined | Promise<Answer | 'reset' | undefined>
  /** Resolves when the next call that begins with `prefix` arrives. */
  nextCall(prefix: string): Promise<Call>
  close(): Promise<void>
}

export async function scriptUpstream(): Promise<ScriptedUpstream> {
  const waiting: { prefix: string; resolve(call: Call): void }[] = []
  const upstream: ScriptedUpstream = {
    url: '',
    calls: [],
    callsTo: (prefix) => upstream.calls.filter((call) => nameOf(call).startsWith(prefix)),
    assets: new Map(),
    groups: new Set(['group-1']),
    tasks: new Map(),
    intercept: () => undefined,
    nextCall: (prefix) => new Promise((resolve) => waiting.push({ prefix, resolve })),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }

  const server = createServer(async (request, response) => {
    const call = await read(request)
    upstream.calls.push(call)
    for (const waiter of waiting.filter(({ prefix }) => nameOf(call).startsWith(prefix))) {
      waiting.splice(waiting.indexOf(waiter), 1)
      waiter.resolve(call)
    }
    const answer = (await upstream.intercept(call)) ?? defaultAnswer(upstream, call)
    if (answer === 'reset') response.destroy()
    else send(response, answer)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  upstream.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  onTestFinished(upstream.close)
  return upstream
}

export function envelope(data: unknown): Answer {
  return { body: { code: 200, msg: 'OK', data } }
}

function defaultAnswer(upstream: ScriptedUpstream, { method, path, body }: Call): Answer {
  const [, , kind, last, id = last] = path.split('/')
  const sent = (body ?? {}) as Record<string, unknown>
  if (method === 'POST') {
    const created = `${upstream.calls.length}`
    if (kind === 'asset-groups') {
      upstream.groups.add(`group-${created}`)
      return envelope({
        ...sent,
        group_id: `group-${created}`,
        status: 'Active',
        created_at: 1714444800,
      })
    }
    if (kind === 'assets') {
      upstream.assets.set(`Asset-${created}`, {
        status: 'Processing',
        group: String(sent.group_id),
        ...(typeof sent.name === 'string' && { name: sent.name }),
      })
      return envelope(assetBody(upstream, `Asset-${created}`))
    }
    upstream.tasks.set(`cgt-${created}`, { status: 'queued' })
    return { body: taskBody(upstream, `cgt-${created}`) }
  }
  if (kind === 'asset-groups') {
    if (!upstream.groups.has(id ?? '')) return missing('group_id')
    return envelope({ group_id: id, name: `Group ${id}`, status: 'Active', created_at: 1714444800 })
  }
  if (kind === 'assets') {
    return upstream.assets.has(id ?? '')
      ? envelope(assetBody(upstream, id ?? ''))
      : missing('asset_id')
  }
  if (!upstream.tasks.has(id ?? '')) {
    return { status: 404, body: { message: 'Unknown content generation task id. Add ?model=' } }
  }
  return { body: taskBody(upstream, id ?? '') }
}

function assetBody({ assets }: ScriptedUpstream, id: string) {
  const { group = 'group-1', ...asset } = assets.get(id) ?? { status: 'Processing' }
  return {
    asset_id: id,
    group_id: group,
    name: `Asset ${id}`,
    asset_type: 'Image',
    url: 'https://cdn.example.com/a.png',
    created_at: 1714444800,
    ...asset,
  }
}

function taskBody({ tasks }: ScriptedUpstream, id: string) {
  return { id, model: 'seedance-2-0', provider: 'lingjing', video: {}, ...tasks.get(id) }
}

function missing(name: string): Answer {
  return { body: { code: 400, msg: `NotFound.${name}`, data: null } }
}

function nameOf({ method, path }: Call): string {
  return `${method} ${path}`
}

async function read(request: IncomingMessage): Promise<Call> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  const url = new URL(request.url ?? '/', 'http://localhost')
  return {
    method: request.method ?? '',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: request.headers,
    body: text === '' ? undefined : JSON.parse(text),
    at: Date.now(),
  }
}

function send(response: ServerResponse, { status = 200, headers, body }: Answer): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
}
