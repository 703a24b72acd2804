import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** One create that the provider carried out. */
export interface Made {
  id: string
  prompt: string
  createdAt: number
  polledAt: number[]
}

/** What is wrong with 0-0 now. */
export type Fault =
  | 'none'
  /** The provider carries out every attempt and answers 500. */
  | 'provider500'
  /** The provider carries out the first attempt of a create, the answer is lost, and the repeats meet its 429. Polls succeed. */
  | 'provider429'
  /** The gateway refuses before it does anything: too many requests. */
  | 'limited'
  /** The gateway refuses before it does anything: all routes are cooling down. */
  | 'cooling'
  /** Carried out, and never answered. */
  | 'hang'
  /** Carried out, then the connection to the client breaks. */
  | 'reset'
  /** Carried out, and answered with a page of HTML. */
  | 'html'
  | 'slow'

/**
 * A 0-0 for video tasks alone: a gateway that sends each create to its provider up to three times, as the real one does
 * (upstream-api 5.4 and 10). It counts what reached the gateway and what the provider did.
 * A task runs after one second and has succeeded after three.
 */
export interface CountingUpstream {
  url: string
  /** What the provider did; a gateway that repeats may have had one create carried out twice. */
  made: Made[]
  /** How many create requests of the client the gateway took on, by prompt; those that it refused itself did nothing. */
  requests: Map<string, number>
  fault: Fault
  /** The share of attempts that the provider carries out and whose answer does not reach the gateway. */
  lostShare: number
  /** The share of creates whose answer does not reach the client. */
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
    made: [],
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
  // The gateway stops repeating when its client has left.
  for (let attempt = 1; attempt <= MAX_ATTEMPTS && !client.destroyed; attempt += 1) {
    last = askProvider(upstream, prompt, attempt)
    if (last.status === 200) return last
  }
  return {
    status: last.status,
    body: { error: `All ${MODEL} error: ${JSON.stringify(last.body)}` },
  }
}

/** What one attempt of the gateway at its provider brings. */
function askProvider(upstream: CountingUpstream, prompt: string, attempt: number): Answer {
  const { fault, lostShare, made } = upstream
  if (fault === 'provider429' && attempt > 1) return provider(429, 'RateLimitExceeded')
  const id = `cgt-${made.length}`
  made.push({ id, prompt, createdAt: Date.now(), polledAt: [] })
  if (fault === 'provider500') return provider(500, 'InternalServiceError')
  if (fault === 'provider429' || Math.random() < lostShare) return LOST
  if (fault === 'html') return HTML
  return { status: 200, body: { id, model: MODEL, status: 'queued' } }
}

function poll({ made, fault }: CountingUpstream, url = '/'): Answer {
  const refusal = refusalOf(fault)
  if (refusal) return refusal
  if (fault === 'html') return HTML
  if (fault === 'provider500') return provider(500, 'InternalServiceError')
  const id = new URL(url, 'http://localhost').pathname.split('/').at(-1)
  const task = made.find((one) => one.id === id)
  if (!task) return { status: 404, body: { detail: 'content generation task not found' } }
  task.polledAt.push(Date.now())
  const age = Date.now() - task.createdAt
  const isDone = age > SUCCEEDED_AFTER_MS
  const status = isDone ? 'succeeded' : age > RUNNING_AFTER_MS ? 'running' : 'queued'
  const video = isDone ? { url: `http://127.0.0.1/${id}.mp4` } : {}
  return { status: 200, body: { id, model: MODEL, status, video } }
}

/** What the gateway itself says, before anything is done. */
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
