import type { WebSocket } from 'ws'

/** Outgoing bytes buffered before we stop reading from the socket (back-pressure). */
const MAX_BUFFERED_BYTES = 256 * 1024

/** The JSON of results that several subscribers share, by the result. */
const payloads = new WeakMap<object, string>()

/** Returns the JSON of a message. The payload of a `next` is serialised once, however many subscribers get it. */
function encode(message: object): string {
  if (!isNext(message)) return JSON.stringify(message)
  const { id, payload } = message
  let text = payloads.get(payload)
  if (text === undefined) {
    text = JSON.stringify(payload)
    payloads.set(payload, text)
  }
  return `{"id":${JSON.stringify(id)},"type":"next","payload":${text}}`
}

function isNext(message: object): message is { id: string; payload: object } {
  return 'type' in message && message.type === 'next'
}

/** Sends a message as JSON. Resolves when it has been written to the network or cannot be written. Does not reject. */
export function sendMessage(socket: WebSocket, message: object): Promise<void> {
  return new Promise((resolve) => {
    socket.send(encode(message), () => {
      if (socket.isPaused && socket.bufferedAmount <= MAX_BUFFERED_BYTES) socket.resume()
      resolve()
    })
    if (socket.bufferedAmount > MAX_BUFFERED_BYTES) socket.pause()
  })
}
