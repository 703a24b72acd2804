import type { CombinedError } from 'urql'

/** Why an operation failed, in one form for GraphQL errors and for results that are an `Error`. */
export interface Problem {
  /** An `ErrorCode` of the schema, or `OFFLINE` when the service did not answer. */
  code: string
  message: string
  /** The problems of single fields of an input. */
  issues: Issue[]
  /** The time, in milliseconds, before which a repeat is refused. */
  retryAt: number | null
}

export interface Issue {
  path: string[]
  message: string
}

/** Returns the problem of an operation that has no result. */
export function problemOfError({ graphQLErrors, networkError }: CombinedError): Problem {
  const [first] = graphQLErrors
  if (!first) {
    const message = networkError
      ? 'The service cannot be reached. Nothing is lost: try again.'
      : 'The service sent no answer.'
    return { code: 'OFFLINE', message, issues: [], retryAt: null }
  }
  const { code, retryAfterSeconds } = first.extensions
  return {
    code: String(code),
    message: first.message,
    issues: [],
    retryAt: retryAtOf(retryAfterSeconds),
  }
}

/** Returns the time that is this number of seconds from now, or null. */
export function retryAtOf(seconds: unknown): number | null {
  return typeof seconds === 'number' ? Date.now() + seconds * 1000 : null
}
