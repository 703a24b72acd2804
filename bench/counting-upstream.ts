import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** A task that the provider created. */
export interface ProviderTask {
  id: string
  prompt: string
  createdAt: number
  polledAt: number[]
}

/** The fault that is injected into 0-0. */
export type Fault =
  | 'none'
  /** The provider carries out every attempt and answers 500. */
  | 'provider500'
  /**
   * The provider carries out the first attempt of a create, but its response is lost. It answers 429 to the repeats.
   * Polls succeed.
   */
  | 'provider429'
  /** The gateway itself answers 429 (too many requests) and does nothing. */
  | 'limited'
  /** The gateway itself answers 429 (all routes are cooling down) and does nothing. */
  | 'cooling'
  /** The request is carried out and never answered. */
  | 'hang'
  /** The request is carried out, then the connection to the client breaks. */
  | 'reset'
  /** The request is carried out and answered with an HTML page. */
  | 'html'
  /** Every response takes `SLOW_MS`. */
  | 'slow'

/**
 * A simulated 0-0 for video tasks only. Its gateway sends each create to the provider up to three times, like the real
 * one (upstream-api 5.4 and 10). It counts the requests that the gateway accepted and the tasks that the provider created.
 * A task is running after one second and has succeeded after three.
 */
export interface CountingUpstream {
  url: string
  /** The tasks that the provider created. One create may appear twice, because the gateway repeats creates. */
  createdTasks: ProviderTask[]
  /** Number of create requests that the gateway accepted, by prompt. Requests that it refused itself are not counted. */
  requests: Map<string, number>
  fault: Fault
  /** Share of provider attempts that are carried out but whose response does not reach the gateway, in [0, 1]. */
  lostShare: number
  /** Share of creates whose response does not reach the client, in [0, 1]. */
  brokenShare: number
  close(): void
}

const MAX_ATTEMPTS = 3
const RUNNING_AFTER_MS = 1_000
const SUCCEEDED_AFTER_MS = 3_000
const SLOW_MS = 1_500
const MODEL = 'seedance-2-0'

export async function startCountingUpstream(): Promise<CountingUpstream> {
  const upstream: CountingUpstream = {
    url: '',
    createdTasks: [],
    requests: new Map(),
    fault: 'none',
    lostShare: 0,
    brokenShare: 0,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
  const server = createServer((request, response) => {
    serve(upstream, request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  upstream.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return upstream
}

interface Answer {
  status: number
  body: object | string
}

async function serve(
  upstream: CountingUpstream,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { fault } = upstream
  const isCreate = request.method === 'POST'
  const answer = isCreate
    ? create(upstream, await textOf(request), response)
    : poll(upstream, request.url)
  if (isCreate && Math.random() < upstream.brokenShare) return void response.destroy()
  if (fault === 'hang') return
  if (fault === 'reset') return void response.destroy()
  if (fault === 'slow') await pause(SLOW_MS)
  const { status, body } = answer
  response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
}

function create(upstream: CountingUpstream, text: string, client: ServerResponse): Answer {
  const { prompt } = JSON.parse(text)
  const refusal = refusalOf(upstream.fault)
  if (refusal) return refusal
  upstream.requests.set(prompt, (upstream.requests.get(prompt) ?? 0) + 1)
  let last: Answer = LOST
  // The gateway stops repeating when its client has disconnected.
  for (let attempt = 1; attempt <= MAX_ATTEMPTS && !client.destroyed; attempt += 1) {
    last = askProvider(upstream, prompt, attempt)
    if (last.status === 200) return last
  }
  return {
    status: last.status,
    body: { error: `All ${MODEL} error: ${JSON.stringify(last.body)}` },
  }
}

/** The response of the provider to one attempt of the gateway. */
function askProvider(upstream: CountingUpstream, prompt: string, attempt: number): Answer {
  const { fault, lostShare, createdTasks } = upstream
  if (fault === 'provider429' && attempt > 1) return provider(429, 'RateLimitExceeded')
  const id = `cgt-${createdTasks.length}`
  createdTasks.push({ id, prompt, createdAt: Date.now(), polledAt: [] })
  if (fault === 'provider500') return provider(500, 'InternalServiceError')
  if (fault === 'provider429' || Math.random() < lostShare) return LOST
  if (fault === 'html') return HTML
  return { status: 200, body: { id, model: MODEL, status: 'queued' } }
}

function poll({ createdTasks, fault }: CountingUpstream, url = '/'): Answer {
  const refusal = refusalOf(fault)
  if (refusal) return refusal
  if (fault === 'html') return HTML
  if (fault === 'provider500') return provider(500, 'InternalServiceError')
  const id = new URL(url, 'http://localhost').pathname.split('/').at(-1)
  const task = createdTasks.find((task) => task.id === id)
  if (!task) return { status: 404, body: { detail: 'content generation task not found' } }
  task.polledAt.push(Date.now())
  const age = Date.now() - task.createdAt
  const isDone = age > SUCCEEDED_AFTER_MS
  const status = isDone ? 'succeeded' : age > RUNNING_AFTER_MS ? 'running' : 'queued'
  const video = isDone ? { url: `http://127.0.0.1/${id}.mp4` } : {}
  return { status: 200, body: { id, model: MODEL, status, video } }
}

/** The response when the gateway itself refuses the request; null when it does not. */
function refusalOf(fault: Fault): Answer | null {
  if (fault === 'limited') return { status: 429, body: { error: 'Too many requests' } }
  if (fault !== 'cooling') return null
  const message = 'All matching provider routes are cooling down'
  return { status: 429, body: { error: { message } } }
}

function provider(code: number, msg: string): Answer {
  return { status: code, body: { code, msg, data: null } }
}

const LOST: Answer = { status: 502, body: 'connection closed' }
const HTML: Answer = { status: 200, body: '<html>Sorry</html>' }

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
