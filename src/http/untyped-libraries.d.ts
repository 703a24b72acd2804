/** Types of libraries that have none. Only what this service uses; the published types depend on those of Express. */

declare module 'compression' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  export default function compression(options: {
    /** Bytes; shorter bodies are not compressed. */
    threshold: number
    filter(request: IncomingMessage, response: ServerResponse): boolean
  }): (request: IncomingMessage, response: ServerResponse, next: () => void) => void
}

declare module 'negotiator' {
  import type { IncomingMessage } from 'node:http'

  export default class Negotiator {
    constructor(request: IncomingMessage)
    /**
     * Returns the encoding of `available` that the client prefers, or undefined when it accepts none. Of equal ones it
     * returns the first in `preferred`.
     */
    encoding(available: string[], preferred?: string[]): string | undefined
  }
}
