import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { errorHelpOf } from '../model/error-codes.ts'

/** An error response of the server itself, outside of GraphQL execution. */
export interface Rejection {
  /** The HTTP status. */
  status: number
  code: string
  message: string
}

/** Sends the rejection as a GraphQL error in JSON. */
export function sendRejection(
  response: ServerResponse,
  rejection: Rejection,
  requestId: string,
): void {
  const body = bodyOf(rejection, requestId)
  const headers = { 'content-type': JSON_TYPE, 'content-length': Buffer.byteLength(body) }
  response.writeHead(rejection.status, headers).end(body)
}

/** Sends the rejection of an upgrade in the same format, and closes the connection. */
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
  const extensions = { code, requestId, ...errorHelpOf(code) }
  return JSON.stringify({ errors: [{ message, extensions }] })
}
