import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

/** Why the server itself does not serve a request. */
export interface Rejection {
  status: number
  code: string
  message: string
}

/** Answers with the rejection in the form of a GraphQL result. */
export function sendRejection(
  response: ServerResponse,
  rejection: Rejection,
  requestId: string,
): void {
  const body = bodyOf(rejection, requestId)
  const headers = { 'content-type': JSON_TYPE, 'content-length': Buffer.byteLength(body) }
  response.writeHead(rejection.status, headers).end(body)
}

/** Answers an upgrade in the same form, and closes its connection. */
export function rejectUpgrade(socket: Duplex, rejection: Rejection, requestId: string): void {
  const body = bodyOf(rejection, requestId)
  const head = [
    `HTTP/1.1 ${rejection.status} ${STATUS_CODES[rejection.status]}`,
    'connection: close',
    `content-type: ${JSON_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

const JSON_TYPE = 'application/json; charset=utf-8'

function bodyOf({ code, message }: Rejection, requestId: string): string {
  return JSON.stringify({ errors: [{ message, extensions: { code, requestId } }] })
}
