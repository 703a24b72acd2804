/** What is used of libraries without types of their own; the published ones bring those of Express along. */

declare module 'compression' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  export default function compression(options: {
    /** The shortest body that is compressed, in bytes. */
    threshold: number
    filter(request: IncomingMessage, response: ServerResponse): boolean
  }): (request: IncomingMessage, response: ServerResponse, next: () => void) => void
}

declare module 'negotiator' {
  import type { IncomingMessage } from 'node:http'

  export default class Negotiator {
    constructor(request: IncomingMessage)
    /** The one of `available` that the client likes best; undefined when it accepts none. */
    encoding(available: string[]): string | undefined
  }
}
