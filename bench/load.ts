import { connect, type Socket } from 'node:net'
import { createMessageReader } from './http-messages.ts'
import { type AssetRange, createBodies, type OperationName } from './operations.ts'

/**
 * The load generator: a separate process that gets `LoadRequest`s over IPC and answers each with a `LoadResult`. It uses
 * plain sockets, because an HTTP client would take more CPU time than some of the servers.
 */
export interface LoadRequest {
  port: number
  operation: OperationName
  range: AssetRange
  token: string
  connections: number
  durationMs: number
  /** Ends earlier after this number of operations. */
  maxOperations?: number
  /** Operations are started at this rate, whether or not earlier ones have ended. Absent: one after another. */
  perSecond?: number
}

export interface LoadResult {
  operations: number
  durationMs: number
  /** Time from the start of an operation to its response. Only when `perSecond` was given. */
  latenciesMs: number[]
}

/** How long the last operations of a run may take. After that the run ends without their responses. */
const GRACE_MS = 10_000
/** A connection is not used again after this time, because servers close connections that are idle for some seconds. */
const MAX_IDLE_MS = 2_000

/** Sends a body over a connection of its own and calls back with the response. */
interface Caller {
  /** When it sent its last body. */
  lastSentAt: number
  send(body: string, onResponse: () => void): void
  end(): void
}

process.on('message', (request: LoadRequest) => {
  run(request).then(
    (result) => process.send?.({ result }),
    (error) => process.send?.({ error: String(error) }),
  )
})
process.once('disconnect', () => process.exit())

async function run(request: LoadRequest): Promise<LoadResult> {
  const callers: Caller[] = []
  try {
    return await new Promise((resolve, reject) => {
      const openCaller = () => {
        const caller = createCaller(request, reject)
        callers.push(caller)
        return caller
      }
      if (request.perSecond === undefined) sendInTurn(request, openCaller, resolve)
      else sendAtRate(request, request.perSecond, openCaller, resolve)
    })
  } finally {
    for (const caller of callers) caller.end()
  }
}

/** Each connection sends its next operation when the previous one has ended. */
function sendInTurn(
  { operation, range, connections, durationMs, maxOperations = Infinity }: LoadRequest,
  openCaller: () => Caller,
  resolve: (result: LoadResult) => void,
): void {
  const nextBody = createBodies(operation, range)
  const startedAt = performance.now()
  const end = startedAt + durationMs
  let started = 0
  let ended = 0
  let running = connections
  const finish = () => {
    clearTimeout(giveUpTimer)
    resolve({ operations: ended, durationMs: performance.now() - startedAt, latenciesMs: [] })
  }
  const giveUpTimer = setTimeout(finish, durationMs + GRACE_MS)
  const step = (caller: Caller) => {
    if (performance.now() < end && started < maxOperations) {
      started += 1
      caller.send(nextBody(), () => {
        ended += 1
        step(caller)
      })
      return
    }
    running -= 1
    if (running === 0) finish()
  }
  for (let index = 0; index < connections; index += 1) step(openCaller())
}

/** Starts operations at a steady rate. An operation waits for no other one: it opens a connection when none is free. */
function sendAtRate(
  { operation, range, durationMs }: LoadRequest,
  perSecond: number,
  openCaller: () => Caller,
  resolve: (result: LoadResult) => void,
): void {
  const nextBody = createBodies(operation, range)
  const free: Caller[] = []
  const latenciesMs: number[] = []
  const pending = new Set<Caller>()
  const startedAt = performance.now()
  const operations = Math.ceil((durationMs * perSecond) / 1_000)
  let started = 0
  const startTimer = setInterval(() => {
    const due = Math.ceil(((performance.now() - startedAt) * perSecond) / 1_000)
    for (; started < Math.min(due, operations); started += 1) start()
    if (started === operations) clearInterval(startTimer)
  }, 1)
  const giveUpTimer = setTimeout(finish, durationMs + GRACE_MS)

  function start() {
    const known = free.pop()
    const isFresh = known !== undefined && performance.now() - known.lastSentAt < MAX_IDLE_MS
    const caller = isFresh ? known : openCaller()
    pending.add(caller)
    caller.send(nextBody(), () => {
      pending.delete(caller)
      latenciesMs.push(performance.now() - caller.lastSentAt)
      free.push(caller)
      if (latenciesMs.length === operations) finish()
    })
  }

  function finish() {
    clearInterval(startTimer)
    clearTimeout(giveUpTimer)
    const now = performance.now()
    // Operations without a response have taken at least the time until now.
    for (const { lastSentAt } of pending) latenciesMs.push(now - lastSentAt)
    resolve({ operations: latenciesMs.length, durationMs: now - startedAt, latenciesMs })
  }
}

function createCaller({ port, token }: LoadRequest, onError: (error: Error) => void): Caller {
  const head = `POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\naccept: application/json\r\nauthorization: Bearer ${token}\r\ncontent-length: `
  let onResponse: (() => void) | null = null
  const read = createMessageReader((responseHead, body) => {
    if (!responseHead.startsWith('HTTP/1.1 200') || body.includes('"errors"')) {
      onError(new Error(`${responseHead}\n\n${body.slice(0, 1_000)}`))
      return
    }
    const callback = onResponse
    onResponse = null
    callback?.()
  })
  const socket: Socket = connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    // One buffer for all sockets: `read` copies what it keeps.
    onread: { buffer: RECEIVED, callback: (size, buffer) => onBytes(buffer.subarray(0, size)) },
  })
  function onBytes(bytes: Uint8Array): boolean {
    read(bytes as Buffer)
    return true
  }
  // A server may close a connection that is idle.
  socket.on('error', (error) => onResponse && onError(error))
  socket.on('close', () => onResponse && onError(new Error('The server closed a connection.')))
  const caller: Caller = {
    lastSentAt: 0,
    send(body, callback) {
      onResponse = callback
      caller.lastSentAt = performance.now()
      socket.write(`${head}${body.length}\r\n\r\n${body}`, 'latin1')
    },
    end() {
      onResponse = null
      socket.destroy()
    },
  }
  return caller
}

const RECEIVED = Buffer.alloc(256 * 1_024)
