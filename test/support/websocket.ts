import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import WebSocket, { type ClientOptions } from 'ws'
import { type Authenticate, createAuthenticate } from '../../src/auth/authenticate.ts'
import { readConfig } from '../../src/config.ts'
import { createGraphQLHandler, type GraphQLHandler } from '../../src/execution/graphql-handler.ts'
import { requestIdOf } from '../../src/http/request-id.ts'
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts'
import type { Services } from '../../src/resolvers/context.ts'
import { createReads } from '../../src/resolvers/reads.ts'
import { createTenantLock } from '../../src/resolvers/tenant-lock.ts'
import { logOperations } from '../../src/telemetry/operation-log.ts'
import { createOperations } from '../../src/telemetry/operation-observer.ts'
import { createUpstreamClient } from '../../src/upstream/client.ts'
import { createWebSocketEndpoint } from '../../src/websocket/endpoint.ts'
import { type Data, KEY, temporaryFolder } from './app.ts'
import { type ScriptedUpstream, scriptUpstream } from './upstream.ts'

export const PROTOCOL = 'graphql-transport-ws'
export const INIT = { type: 'connection_init', payload: { authorization: `Bearer ${KEY}` } }

export interface Message {
  type: string
  id?: string
  // biome-ignore lint/suspicious/noExplicitAny: tests assert on the shape of each payload.
  payload?: any
}

/** A WebSocket client that sends exactly the messages of the test and does not handle the protocol. */
export interface Peer {
  socket: WebSocket
  /** All received messages. */
  messages: Message[]
  /** Sends a string unchanged and any other value as JSON. */
  send(message: unknown): void
  /** Takes the next message that has these fields. Throws when the socket closes first. */
  next(fields?: Partial<Message>): Promise<Message>
  /**
   * Sends these messages and a ping in one packet. Resolves after the pong. The service has then read the messages,
   * and its immediate responses have arrived.
   */
  sendAndWait(...messages: unknown[]): Promise<void>
  /** Runs one operation to its end and returns its messages. */
  run(query: string, id?: string): Promise<Message[]>
  closed: Promise<{ code: number; reason: string }>
}

/** Opens a socket that has not sent connection_init. */
export async function open(url: string, options: ClientOptions = {}): Promise<Peer> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, PROTOCOL, options)
  onTestFinished(() => socket.terminate())
  const messages: Message[] = []
  const unread: Message[] = []
  const waiting = new Set<() => void>()
  let pings = 0
  const wake = () => {
    for (const take of [...waiting]) take()
  }
  socket.on('message', (data) => {
    const message = JSON.parse(String(data))
    messages.push(message)
    unread.push(message)
    wake()
  })
  const closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: String(reason) }))
  void closed.then(wake)
  const peer: Peer = {
    socket,
    messages,
    closed,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    next: (fields = {}) =>
      new Promise((resolve, reject) => {
        const take = () => {
          const index = unread.findIndex((message) => fits(message, fields))
          const [message] = index < 0 ? [] : unread.splice(index, 1)
          if (message) resolve(message)
          else if (socket.readyState === socket.CLOSED) reject(new Error('The socket has closed.'))
          else return waiting.add(take)
          return waiting.delete(take)
        }
        take()
      }),
    async sendAndWait(...last) {
      const ping = ++pings
      const { _socket: tcp } = socket as unknown as { _socket: Socket }
      tcp.cork()
      for (const message of [...last, { type: 'ping', payload: { ping } }]) peer.send(message)
      tcp.uncork()
      while ((await peer.next({ type: 'pong' })).payload?.ping !== ping);
    },
    async run(query, id = 'run') {
      const answers: Message[] = []
      peer.send({ type: 'subscribe', id, payload: { query } })
      do answers.push(await peer.next({ id }))
      while (answers.at(-1)?.type === 'next')
      return answers
    },
  }
  await once(socket, 'open')
  return peer
}

/** Opens a socket and waits for connection_ack. */
export async function initiate(url: string, init: Message = INIT): Promise<Peer> {
  const peer = await open(url)
  peer.send(init)
  await peer.next({ type: 'connection_ack' })
  return peer
}

function fits(message: Message, fields: Partial<Message>): boolean {
  return Object.entries(fields).every(([name, value]) => message[name as 'id'] === value)
}

/** A TCP connection that sends only the bytes of the test and answers no ping. */
export interface Wire {
  socket: Socket
  /** The bytes received after the headers of the upgrade response. */
  received(): Buffer
  send(message: unknown): void
}

export async function dial(url: string, protocol: string | null = PROTOCOL): Promise<Wire> {
  const socket = connectTcp(Number(new URL(url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  socket.write(
    [
      'GET /graphql HTTP/1.1',
      'Host: 127.0.0.1',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ...(protocol === null ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
      '\r\n',
    ].join('\r\n'),
  )
  let bytes = Buffer.alloc(0)
  const headEnd = () => bytes.indexOf('\r\n\r\n') + 4
  await new Promise<void>((resolve) =>
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      if (headEnd() > 3) resolve()
    }),
  )
  return {
    socket,
    received: () => bytes.subarray(headEnd()),
    send: (message) => socket.write(frame(JSON.stringify(message))),
  }
}

/** A text frame (RFC 6455, 5.2). It is masked with zeros, which leave the text unchanged. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text)
  const size = payload.length
  const length = size < 126 ? [0x80 | size] : [0x80 | 126, size >> 8, size & 255]
  return Buffer.concat([Buffer.from([0x81, ...length, 0, 0, 0, 0]), payload])
}

/** The WebSocket endpoint with all its services but without polling. The test records observations itself. */
export interface TestEndpoint {
  url: string
  upstream: ScriptedUpstream
  ledger: Ledger
  /** Records a status of an asset. The default `tenant` is the tenant of `KEY`. */
  observe(
    assetId: string,
    status: 'PROCESSING' | 'UNKNOWN' | 'ACTIVE',
    tenant?: string,
  ): Promise<void>
  /** The number of change listeners. */
  listeners(): number
  sockets(): number
  drain(timeout: AbortSignal): Promise<void>
  graphql: GraphQLHandler
  /** The server sockets of the connections, oldest first. */
  connections: Socket[]
  /** The log entries. */
  log: Data[]
}

export interface EndpointOptions {
  authenticate?: Authenticate
  initTimeoutMs?: number
  keepAliveMs?: number
  /** Environment settings. Only the limits and the identity settings are used. */
  environment?: Record<string, string>
  /** Replaces some of the services. */
  services?: (defaults: Services) => Partial<Services>
  /** No operation context is created before this resolves. */
  contexts?: Promise<void>
}

export async function startEndpoint(options: EndpointOptions = {}): Promise<TestEndpoint> {
  const { services: replace, authenticate, contexts, environment = {}, ...times } = options
  const upstream = await scriptUpstream()
  const { limits, identity } = readConfig(environment)
  const onError = () => {}
  const ledger = await openLedger({
    dataDir: temporaryFolder(),
    onError,
    polling: { firstPollMs: { asset: 60_000, videoTask: 60_000 }, deadlineMs: 60_000 },
  })
  const client = createUpstreamClient({
    url: upstream.url,
    maxConcurrency: 64,
    maxCreates: 32,
    getTimeoutMs: 10_000,
    postTimeoutMs: 10_000,
  })
  const defaults: Services = {
    ledger,
    limits,
    upstream: client,
    reads: createReads({ upstream: client, ledger, terminalTtlMs: 1 }),
    isKeyRefused: () => false,
    withTenantLock: createTenantLock(ledger.tenantLocks),
    firstPollMs: { asset: 60_000, videoTask: 60_000 },
    waitUntil: (work) => work,
    onError,
  }
  const log: Data[] = []
  const logger = pino({}, { write: (line) => log.push(JSON.parse(line)) })
  const graphql = createGraphQLHandler({
    services: { ...defaults, ...replace?.(defaults) },
    authenticate:
      authenticate ?? createAuthenticate({ config: identity, tenantOf: ledger.tenantOf }),
    log: logger,
    operations: createOperations([logOperations(logger)]),
    limits,
    publicSchema: true,
    persisted: null,
  })
  const endpoint = createWebSocketEndpoint({
    graphql: contexts ? waitForContexts(graphql, contexts) : graphql,
    limits,
    requestIdOf,
    ...times,
  })
  const http = createServer()
  const connections: Socket[] = []
  http.on('connection', (socket) => connections.push(socket))
  http.on('upgrade', endpoint.upgrade)
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  onTestFinished(async () => {
    await endpoint.drain(AbortSignal.timeout(1_000))
    http.close()
    await client.close()
    await ledger.close()
  })
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    upstream,
    ledger,
    async observe(assetId, status, tenant = ledger.tenantOf(KEY)) {
      const ref = { tenant, kind: 'asset', key: `JIMENG:${assetId}` } as const
      const known = await ledger.find(ref)
      if (!known) throw new Error(`${assetId} is not registered.`)
      await ledger.recordObservation(ref, {
        ...known.snapshot,
        status,
      } as typeof known.snapshot)
    },
    listeners: () => ledger.notifier.size,
    sockets: endpoint.sockets,
    drain: endpoint.drain,
    graphql,
    connections,
    log,
  }
}

/** The same handler, but it creates no operation context before `opened` resolves. */
function waitForContexts(graphql: GraphQLHandler, opened: Promise<void>): GraphQLHandler {
  const { yoga } = graphql
  const getEnveloped = (received: Parameters<typeof yoga.getEnveloped>[0]) => {
    const enveloped = yoga.getEnveloped(received)
    const contextFactory = async () => {
      await opened
      return enveloped.contextFactory()
    }
    return { ...enveloped, contextFactory }
  }
  return { ...graphql, yoga: Object.create(yoga, { getEnveloped: { value: getEnveloped } }) }
}
