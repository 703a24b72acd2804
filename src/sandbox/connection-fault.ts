import { once } from 'node:events'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { ApiContext } from './api-context.ts'
import type { Reply } from './reply.ts'

/** Closes the connection with a TCP reset and without a response. */
export function resetConnection(context: ApiContext): Response {
  context.env.incoming.socket.resetAndDestroy()
  return RESPONSE_ALREADY_SENT
}

/** Sends nothing and waits until the client or the sandbox closes the connection. */
export async function hangConnection(context: ApiContext): Promise<Response> {
  await once(context.env.incoming.socket, 'close')
  return RESPONSE_ALREADY_SENT
}

/** Sends half of the bytes that `content-length` announces, then closes the connection. */
export function truncateResponse(context: ApiContext, { status, body }: Reply): Response {
  const { incoming, outgoing } = context.env
  const bytes = Buffer.from(JSON.stringify(body))
  outgoing.writeHead(status, {
    'content-type': 'application/json',
    'content-length': bytes.length,
  })
  outgoing.write(bytes.subarray(0, bytes.length / 2), () => incoming.socket.destroy())
  return RESPONSE_ALREADY_SENT
}
