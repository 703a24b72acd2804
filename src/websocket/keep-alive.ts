import type { WebSocket } from 'ws'

/** The default milliseconds between two pings. */
export const KEEP_ALIVE_MS = 12_000

/**
 * Pings a client every `everyMs` milliseconds, and terminates its socket when it has not answered the previous ping.
 * Calls `onTick` before each ping. Returns the function that stops pinging.
 */
export function startKeepAlive(socket: WebSocket, everyMs: number, onTick: () => void): () => void {
  let answered = true
  socket.on('pong', () => {
    answered = true
  })
  const timer = setInterval(() => {
    if (!answered) return socket.terminate()
    onTick()
    answered = false
    socket.ping()
  }, everyMs)
  return () => clearInterval(timer)
}
