import { z } from 'zod'
import { CliError } from './cli-error.ts'
import { EXIT_CODE, type ExitCode } from './exit-code.ts'
import { isLocal } from './settings.ts'
import { text } from './text.ts'

/** The part of a GraphQL error that the command line uses. Other extensions are ignored. */
const graphQLError = z.object({
  message: text,
  extensions: z
    .object({
      code: z.string().catch('UNKNOWN'),
      hint: text.optional().catch(undefined),
      docs: text.optional().catch(undefined),
      retryable: z.boolean().optional().catch(undefined),
      retryAfterSeconds: z.number().optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
})
const graphQLErrors = z.array(graphQLError).min(1)
const responseShape = z.object({ data: z.unknown().optional(), errors: z.unknown().optional() })

/** Returns the data of a GraphQL response. Throws a CliError when it has errors, or when it is no such response. */
export function readResponse<T>(response: unknown, result: z.ZodType<T>, url: URL): T {
  const { data, errors } = responseShape.safeParse(response).data ?? {}
  const error = errorOfResponse(errors, url)
  if (error) throw error
  const parsed = result.safeParse(data)
  if (parsed.success) return parsed.data
  throw new CliError(`What answers at ${url.href} is not this service.`, {
    code: 'NOT_ZEROGRAPH',
    exitCode: EXIT_CODE.unreachable,
    hint: 'Give the address of the service with --url or ZEROGRAPH_URL.',
  })
}

/** Returns the error of the command line for the errors of a GraphQL response, or null when these are none. */
export function errorOfResponse(errors: unknown, url: URL): CliError | null {
  const [first] = graphQLErrors.safeParse(errors).data ?? []
  if (first === undefined) return null
  const { code = 'UNKNOWN', hint, docs, retryAfterSeconds } = first.extensions ?? {}
  const { retryable = code === 'SERVICE_UNAVAILABLE' } = first.extensions ?? {}
  return new CliError(first.message, {
    code,
    exitCode: exitCodeOf(code),
    hint: hintFor(code, hint, url),
    docs,
    retryable,
    retryAfterSeconds,
  })
}

/** Returns the exit code for an error code of the service. */
export function exitCodeOf(code: string): ExitCode {
  switch (code) {
    case 'UNAUTHENTICATED':
    case 'FORBIDDEN':
      return EXIT_CODE.credential
    case 'INVALID_INPUT':
    case 'BAD_USER_INPUT':
    case 'IDEMPOTENCY_CONFLICT':
      return EXIT_CODE.usage
    case 'SERVICE_UNAVAILABLE':
    case 'UPSTREAM_UNAVAILABLE':
      return EXIT_CODE.unreachable
    case 'OUTCOME_UNKNOWN':
      return EXIT_CODE.unknown
    default:
      return EXIT_CODE.failed
  }
}

const SET_KEY = 'Set ZEROGRAPH_KEY, or give --key-file.'
const SANDBOX_KEY = `${SET_KEY} With the sandbox: ZEROGRAPH_KEY=sk-sandbox.`

/** Returns what to do. How a key reaches the command line is known only here. */
function hintFor(code: string, hint: string | undefined, url: URL): string | undefined {
  if (code === 'UNAUTHENTICATED') return isLocal(url) ? SANDBOX_KEY : SET_KEY
  if (code === 'GRAPHQL_VALIDATION_FAILED') {
    return 'The service is of another version than this command line: zerograph doctor compares them.'
  }
  return hint
}
