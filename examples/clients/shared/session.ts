import { setTimeout as pause } from 'node:timers/promises'

const { ZEROGRAPH_URL, ZEROGRAPH_KEY = 'sk-sandbox', ZEROGRAPH_TOKEN_URL } = process.env

/** The endpoint of the service. `ZEROGRAPH_URL` is its base URL or its endpoint. */
export const endpoint = new URL('/graphql', ZEROGRAPH_URL ?? 'http://localhost:4000')

/** 1: requests name documents by their ids, for a service with `PERSISTED_DOCUMENTS`. */
export const usesPersistedDocuments = process.env.ZEROGRAPH_PERSISTED === '1'

// #region token
let current: Promise<string> | undefined

/** The credential of this session. The first call fetches it. */
export function token(): Promise<string> {
  return current ?? freshToken()
}

/** Fetches a new credential: a web page asks its own server, which knows the session by its cookie. */
export function freshToken(): Promise<string> {
  current = ZEROGRAPH_TOKEN_URL
    ? fetch(ZEROGRAPH_TOKEN_URL, { method: 'POST' }).then((response) => response.text())
    : Promise.resolve(ZEROGRAPH_KEY)
  return current
}
// #endregion

// #region http
/**
 * `fetch` with the credential of the session. When the service refuses the credential, it repeats the request once with
 * a new one. While the service cannot be reached, it repeats the request for about a minute. That is safe for creates
 * too, because each of them has an `idempotencyKey`.
 */
export async function fetchWithToken(url: RequestInfo | URL, init?: RequestInit) {
  const response = await send(url, init, await token())
  return (await isUnauthenticated(response)) ? send(url, init, await freshToken()) : response
}

async function send(url: RequestInfo | URL, init: RequestInit | undefined, credential: string) {
  const headers = new Headers(init?.headers)
  headers.set('authorization', `Bearer ${credential}`)
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await fetch(url, { ...init, headers })
    } catch (error) {
      if (init?.signal?.aborted || attempt === 10) throw error
      await pause(retryDelayMs(attempt))
    }
  }
}

/** The code of a GraphQL error is in the body, and the HTTP status is 200. */
async function isUnauthenticated(response: Response): Promise<boolean> {
  if (!response.headers.get('content-type')?.includes('json')) return false
  const { errors } = (await response.clone().json()) as { errors?: GraphQLErrors }
  return codeOf(errors) === 'UNAUTHENTICATED'
}
// #endregion

/** The part of GraphQL errors in which the service gives their code. */
export type GraphQLErrors = readonly { extensions?: object | undefined }[]

/** The code of the first error. Null when there are no errors. */
export function codeOf(errors: GraphQLErrors | undefined): string | null {
  const extensions: { code?: string } | undefined = errors?.[0]?.extensions
  return errors?.[0] ? (extensions?.code ?? 'UNKNOWN') : null
}

/** The cursor of a result of `changes`. Null for the data of other operations. */
export function cursorOf(data: unknown): string | null {
  return (data as { changes?: { cursor: string } } | null)?.changes?.cursor ?? null
}

/** The delay before the next attempt: 250 ms, doubled each time up to 10 s, less up to a half at random. */
export function retryDelayMs(attempt: number): number {
  return Math.min(10_000, 250 * 2 ** attempt) * (1 - Math.random() / 2)
}
