import { EXIT_CODE, type ExitCode } from './exit-code.ts'

/** What a person or a script needs to know about an error, besides its message. */
interface ErrorDetails {
  /** The code of the service, or one of the command line: USAGE, UNREACHABLE, NOT_GRAPHQL. */
  code: string
  exitCode: ExitCode
  /** What to do about it. */
  hint?: string | undefined
  /** The place in the documentation, relative to the root of the repository. */
  docs?: string | undefined
  /** Whether the same operation may succeed later. */
  retryable?: boolean
  retryAfterSeconds?: number | undefined
}

/** An error that ends the command with a message and an exit code. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly details: ErrorDetails
  constructor(message: string, details: ErrorDetails, options?: ErrorOptions) {
    super(message, options)
    this.details = details
  }
}

/** Creates the error for wrong arguments. */
export function usageError(message: string): CliError {
  return new CliError(message, { code: 'USAGE', exitCode: EXIT_CODE.usage })
}

/** Creates the error for a service that does not answer. */
export function unreachable(url: URL, cause: unknown): CliError {
  return new CliError(
    `The service at ${url.href} cannot be reached (${reasonOf(cause)}).`,
    {
      code: 'UNREACHABLE',
      exitCode: EXIT_CODE.unreachable,
      hint: 'Start it with "npm start", or give its address with --url or ZEROGRAPH_URL.',
      retryable: true,
    },
    { cause },
  )
}

/** Returns the code of the socket error below an error of fetch or ws, or its message. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  if ('code' in cause && typeof cause.code === 'string') return cause.code
  return cause.cause === undefined ? cause.message || cause.name : reasonOf(cause.cause)
}
