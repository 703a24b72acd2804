import type { ServerResponse } from 'node:http'

/** Sets the headers with which a page limits what a browser does with it. */
export function setPageHeaders(response: ServerResponse, contentSecurityPolicy: string): void {
  response.setHeader('content-security-policy', contentSecurityPolicy)
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('referrer-policy', 'no-referrer')
}
