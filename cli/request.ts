import { unreachable } from './cli-error.ts'
import type { Operation } from './operations.ts'
import { readResponse } from './response.ts'
import type { Settings } from './settings.ts'

/** The data of a response, with its headers. */
export interface Answer<T> {
  data: T
  headers: Headers
}

/** A create can take 90 s at the service, see UPSTREAM_POST_TIMEOUT_MS. */
const TIMEOUT_MS = 120_000

/** Executes a query or a mutation over HTTP. Throws a CliError when it fails. */
export async function request<T>(
  settings: Settings,
  operation: Operation<T>,
  variables: Record<string, unknown> = {},
): Promise<T> {
  return (await requestWithHeaders(settings, operation, variables)).data
}

/** Like `request`, but also returns the headers of the response. */
export async function requestWithHeaders<T>(
  { url, key }: Settings,
  { document, result }: Operation<T>,
  variables: Record<string, unknown> = {},
): Promise<Answer<T>> {
  const credential = key()
  const body = JSON.stringify({ query: document, variables })
  const { headers, json } = await send(url, {
    method: 'POST',
    headers: {
      accept: 'application/graphql-response+json, application/json',
      'content-type': 'application/json',
      ...(credential !== null && { authorization: `Bearer ${credential}` }),
    },
    body,
    // A redirect would carry the key to another address.
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  return { data: readResponse(json, result, url), headers }
}

async function send(url: URL, init: RequestInit): Promise<{ headers: Headers; json: unknown }> {
  try {
    const response = await fetch(url, init)
    const json = parseJson(await response.text())
    // The page of a proxy whose service does not answer.
    if (json === null && response.status >= 500) throw new Error(`HTTP ${response.status}`)
    return { headers: response.headers, json }
  } catch (error) {
    throw unreachable(url, error)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
