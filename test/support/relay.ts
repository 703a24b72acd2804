import { once } from 'node:events'
import { type AddressInfo, connect as connectTo, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** Passes bytes on to a local port, until it is told to swallow what comes over the connections there are. */
export async function startRelay(port: number) {
  const pairs: Socket[][] = []
  // Half open, so that a connection that was silenced is not even closed when the other side closes it.
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
