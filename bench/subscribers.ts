import { connect, type Socket } from 'node:net'

/**
 * Subscribers in a process of their own: each is one WebSocket that follows one asset (graphql-transport-ws). The process
 * gets a `SubscribersRequest` over IPC, sends 'subscribed' when all have their first event, and `Deliveries` when all have
 * their second one.
 */
export interface SubscribersRequest {
  port: number
  assetId: string
  token: string
  connections: number
}

/** How the second event arrived. */
export interface Deliveries {
  received: number
  /** From the first delivery to the last. */
  spreadMs: number
}

/** Sockets that connect at the same time. */
const CONNECTING = 50
const DOCUMENT =
  'subscription ($ids: [ID!]!) { assetStatusChanged(ids: $ids) { current asset { assetId name } } }'

process.on('message', (request: SubscribersRequest) => {
  subscribeAll(request).catch((error) => process.send?.({ error: String(error) }))
})
process.once('disconnect', () => process.exit())

async function subscribeAll(request: SubscribersRequest): Promise<void> {
  let started = 0
  let received = 0
  let firstAt = 0
  const onDelivery = () => {
    received += 1
    if (received === 1) firstAt = performance.now()
    if (received < request.connections) return
    process.send?.({ received, spreadMs: performance.now() - firstAt } satisfies Deliveries)
  }
  const chains = Array.from({ length: CONNECTING }, async () => {
    while (started < request.connections) {
      started += 1
      await subscribe(request, onDelivery)
    }
  })
  await Promise.all(chains)
  process.send?.('subscribed')
}

/** Resolves when the first event has arrived. Calls `onDelivery` when the second one has. */
function subscribe(
  { port, assetId, token }: SubscribersRequest,
  onDelivery: () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let events = 0
    let pending: Buffer = Buffer.alloc(0)
    let isOpen = false
    const socket = connect({
      port,
      host: '127.0.0.1',
      onread: { buffer: RECEIVED, callback: onBytes },
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('The service closed a socket.')))
    socket.write(UPGRADE)

    function onBytes(size: number, buffer: Uint8Array): boolean {
      const bytes = (buffer as Buffer).subarray(0, size)
      pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes])
      if (!isOpen) onUpgrade()
      if (isOpen) pending = readFrames(pending, onFrame)
      // The buffer is used again for the next bytes of any socket.
      if (pending.length > 0) pending = Buffer.from(pending)
      return true
    }

    function onUpgrade(): void {
      const end = pending.indexOf('\r\n\r\n')
      if (end === -1) return
      const head = pending.toString('latin1', 0, end)
      if (!head.startsWith('HTTP/1.1 101')) reject(new Error(head))
      isOpen = true
      pending = pending.subarray(end + 4)
      send(socket, TEXT, initMessage(token))
    }

    function onFrame(opcode: number, payload: Buffer): void {
      if (opcode === PING) send(socket, PONG, payload.toString('latin1'))
      else if (payload.includes('"errors"')) reject(new Error(payload.toString()))
      else if (payload.includes('"connection_ack"')) send(socket, TEXT, subscribeMessage(assetId))
      else if (payload.includes('"type":"next"')) {
        events += 1
        if (events === 1) resolve()
        if (events === 2) onDelivery()
      }
    }
  })
}

const RECEIVED = Buffer.alloc(64 * 1_024)
const [TEXT, PING, PONG] = [1, 9, 10]
const UPGRADE =
  'GET /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\n' +
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n' +
  'sec-websocket-protocol: graphql-transport-ws\r\n\r\n'

function initMessage(token: string): string {
  return `{"type":"connection_init","payload":{"authorization":"Bearer ${token}"}}`
}

function subscribeMessage(assetId: string): string {
  const payload = { query: DOCUMENT, variables: { ids: [assetId] } }
  return JSON.stringify({ id: '1', type: 'subscribe', payload })
}

/** Calls back with each complete frame (RFC 6455, 5.2). Returns the bytes of the incomplete one. */
function readFrames(bytes: Buffer, onFrame: (opcode: number, payload: Buffer) => void): Buffer {
  let start = 0
  for (;;) {
    if (bytes.length < start + 4) break
    const short = (bytes[start + 1] ?? 0) & 0x7f
    const payloadAt = start + (short === 126 ? 4 : 2)
    const end = payloadAt + (short === 126 ? bytes.readUInt16BE(start + 2) : short)
    if (bytes.length < end) break
    onFrame((bytes[start] ?? 0) & 0x0f, bytes.subarray(payloadAt, end))
    start = end
  }
  return bytes.subarray(start)
}

/** Sends a frame with a mask of zeros, which leaves the payload as it is. The payload has less than 64 KiB. */
function send(socket: Socket, opcode: number, text: string): void {
  const payload = Buffer.from(text, 'latin1')
  const size = payload.length
  const length = size < 126 ? [0x80 | size] : [0x80 | 126, size >> 8, size & 0xff]
  socket.write(Buffer.concat([Buffer.from([0x80 | opcode, ...length, 0, 0, 0, 0]), payload]))
}
