import { once } from 'node:events'
import { type AddressInfo, connect as connectTo, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** Forwards bytes to a local port. After `silence` it discards all bytes of the existing connections. */
export async function startRelay(port: number) {
  const pairs: Socket[][] = []
  // Half-open, so that a silenced connection stays open when the other side closes it.
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connectTo({ port, host: '127.0.0.1', allowHalfOpen: true })
    near.pipe(far).pipe(near)
    for (const socket of [near, far]) socket.on('error', () => {})
    pairs.push([near, far])
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of pairs.flat()) socket.destroy()
  })
  return {
    port: (server.address() as AddressInfo).port,
    silence() {
      for (const [near, far] of pairs) {
        near?.unpipe().resume()
        far?.unpipe().resume()
      }
    },
  }
}
