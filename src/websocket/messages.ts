import {
  type ConnectionInitMessage,
  GRAPHQL_TRANSPORT_WS_PROTOCOL,
  type Message,
  MessageType,
  parseMessage,
} from 'graphql-ws'
import { DOCUMENT_ID_PARAMS } from '../execution/persisted-documents.ts'

/** The maximum length of a close reason: 125 bytes of a control frame minus 2 bytes for the code (RFC 6455, 5.5). */
const MAX_REASON_BYTES = 123

/** Parses a message. Returns null when the text is not a message of graphql-transport-ws. */
export function readMessage(text: string): Message | null {
  try {
    const message = JSON.parse(text)
    // The parser requires a query, which a subscribe message with a document id does not have.
    if (message.type === MessageType.Subscribe && namesDocument(message.payload)) {
      message.payload.query ??= ''
    }
    return parseMessage(message)
  } catch {
    return null
  }
}

/** Returns the value of Authorization in the payload of connection_init, or null when there is none. */
export function authorizationOf(payload: ConnectionInitMessage['payload']): string | null {
  const value = payload?.Authorization ?? payload?.authorization
  return typeof value === 'string' ? value : null
}

/** Returns the close reason for a second operation with the same id. A long id is omitted. */
export function duplicateReason(id: string): string {
  const reason = `Subscriber for ${id} already exists`
  return Buffer.byteLength(reason) <= MAX_REASON_BYTES ? reason : 'Subscriber already exists'
}

/** Returns whether the negotiated subprotocol is graphql-transport-ws. */
export function isSupported(protocol: string): boolean {
  return protocol === GRAPHQL_TRANSPORT_WS_PROTOCOL
}

/** Returns whether the payload can name a persisted document. Throws when it is not an object. */
function namesDocument(payload: object): boolean {
  return [...DOCUMENT_ID_PARAMS, 'extensions'].some((name) => name in payload)
}
