import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What became of one create, told by its prompt. */
export interface Made {
  id: string
  prompt: string
  createdAt: number
  polledAt: number[]
}

/** How it misbehaves; it does what it is asked all the same, unless it answers before doing anything. */
export type Misbehaviour = 'none' | '500' | '429' | 'hang' | 'reset' | 'html' | 'slow'

/** A 0-0 for video tasks alone that counts what it is asked; a task runs after a second and has succeeded after three. */
export interface CountingUpstream {
  url: string
  made: Made[]
  misbehaviour: Misbehaviour
  /** The share of creates that are done but never answered. */
  brokenShare: number
  close(): void
}

const RUNNING_AFTER_MS = 1_000
const SUCCEEDED_AFTER_MS = 3_000
const SLOW_MS = 1_500

export async function startCountingUpstream(): Promise<CountingUpstream> {
  const upstream: CountingUpstream = {
    url: '',
    made: [],
    misbehaviour: 'none',
    brokenShare: 0,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
  const server = createServer(async (request, response) => {
    const body = await textOf(request)
    const answer = request.method === 'POST' ? create(upstream, body) : poll(upstream, request.url)
    misbehave(upstream, request, response, answer)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  upstream.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return upstream
}

interface Answer {
  status: number
  body: object
}

function create({ made }: CountingUpstream, body: string): Answer {
  const { prompt } = JSON.parse(body)
  const id = `cgt-${made.length}`
  made.push({ id, prompt, createdAt: Date.now(), polledAt: [] })
  return { status: 200, body: { id, model: 'seedance-2-0', status: 'queued' } }
}

function poll({ made }: CountingUpstream, url = '/'): Answer {
  const id = new URL(url, 'http://localhost').pathname.split('/').at(-1)
  const task = made.find((one) => one.id === id)
  if (!task) return { status: 404, body: { detail: 'Not Found' } }
  task.polledAt.push(Date.now())
  const age = Date.now() - task.createdAt
  const isDone = age > SUCCEEDED_AFTER_MS
  const status = isDone ? 'succeeded' : age > RUNNING_AFTER_MS ? 'running' : 'queued'
  const video = isDone ? { url: `http://127.0.0.1/${id}.mp4` } : {}
  return { status: 200, body: { id, model: 'seedance-2-0', status, video } }
}

function misbehave(
  { misbehaviour, brokenShare }: CountingUpstream,
  request: IncomingMessage,
  response: ServerResponse,
  { status, body }: Answer,
): void {
  const answer = () => response.writeHead(status).end(JSON.stringify(body))
  if (request.method === 'POST' && Math.random() < brokenShare) return void response.destroy()
  switch (misbehaviour) {
    case 'none':
      return void answer()
    case 'slow':
      return void setTimeout(answer, SLOW_MS)
    case 'hang':
      return
    case 'reset':
      return void response.destroy()
    case 'html':
      return void response.writeHead(200).end('<html>Sorry</html>')
    default:
      return void response.writeHead(Number(misbehaviour)).end('{"error":"as asked"}')
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
