import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What became of one create, told by its prompt. */
export interface Made {
  id: string
  prompt: string
  createdAt: number
  polledAt: number[]
}

/** A 0-0 for video tasks alone that counts what it is asked; a task runs after a second and has succeeded after three. */
export interface CountingUpstream {
  url: string
  made: Made[]
  close(): void
}

const RUNNING_AFTER_MS = 1_000
const SUCCEEDED_AFTER_MS = 3_000

/** `brokenShare` of the creates are done but never answered. */
export async function startCountingUpstream(brokenShare: number): Promise<CountingUpstream> {
  const made: Made[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const now = Date.now()
    if (request.method === 'POST') {
      const { prompt } = JSON.parse(Buffer.concat(chunks).toString())
      made.push({ id: `cgt-${made.length}`, prompt, createdAt: now, polledAt: [] })
      if (Math.random() < brokenShare) return void response.destroy()
      const id = made.at(-1)?.id
      return void response.end(JSON.stringify({ id, model: 'seedance-2-0', status: 'queued' }))
    }
    const id = new URL(request.url ?? '/', 'http://localhost').pathname.split('/').at(-1)
    const task = made.find((one) => one.id === id)
    if (!task) return void response.writeHead(404).end('{"detail":"Not Found"}')
    task.polledAt.push(now)
    const age = now - task.createdAt
    const isDone = age > SUCCEEDED_AFTER_MS
    const status = isDone ? 'succeeded' : age > RUNNING_AFTER_MS ? 'running' : 'queued'
    const video = isDone ? { url: `http://127.0.0.1/${id}.mp4` } : {}
    response.end(JSON.stringify({ id, model: 'seedance-2-0', status, video }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    made,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
