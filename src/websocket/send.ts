import type { WebSocket } from 'ws'

/** Outgoing bytes buffered before we stop reading from the socket (back-pressure). */
const MAX_BUFFERED_BYTES = 256 * 1024

/** Sends a message as JSON. Resolves when it has been written to the network or cannot be written. Does not reject. */
export function sendMessage(socket: WebSocket, message: object): Promise<void> {
  return new Promise((resolve) => {
    socket.send(JSON.stringify(message), () => {
      if (socket.isPaused && socket.bufferedAmount <= MAX_BUFFERED_BYTES) socket.resume()
      resolve()
    })
    if (socket.bufferedAmount > MAX_BUFFERED_BYTES) socket.pause()
  })
}
