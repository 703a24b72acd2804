/** What a caller should know about an error code. */
export interface ErrorCodeInfo {
  code: string
  meaning: string
  /** Whether the same operation may succeed later without a change. `retryable` of an error decides for that error. */
  retryable: boolean
  /** What to do, in one or two short sentences. */
  hint: string
}

type Description = Omit<ErrorCodeInfo, 'code'>

/** The codes of the enum `ErrorCode`: of failures of operations, as GraphQL errors or as results of creates. */
export const FAILURE_CODES = {
  UNAUTHENTICATED: {
    meaning: 'The credentials are missing or invalid.',
    retryable: false,
    hint: 'Send a valid key or token: `Authorization: Bearer …` over HTTP, or the same in the payload of `connection_init`.',
  },
  FORBIDDEN: {
    meaning: '0-0 does not allow this operation with this key.',
    retryable: false,
    hint: 'Use another key, or have this one enabled at 0-0. For a refused host or origin, change the settings that the message names.',
  },
  INVALID_INPUT: {
    meaning: 'The input is invalid. Nothing was sent to 0-0.',
    retryable: false,
    hint: 'Correct every value in `issues`. With a `bound`, stay within the `limit`.',
  },
  NOT_FOUND: {
    meaning: 'The input refers to an entity that does not exist.',
    retryable: false,
    hint: 'Check the id and its platform, or the path of the request. An entity of another key is not found either.',
  },
  ASSETS_NOT_READY: {
    meaning: 'The input refers to an asset that is not `ACTIVE`. Nothing was sent to 0-0.',
    retryable: true,
    hint: 'Wait until the assets are `ACTIVE`, or create the task with `waitForAssets: true`. Replace an asset that is `FAILED`.',
  },
  NOT_CANCELLABLE: {
    meaning: 'The video task was sent to 0-0, which cannot stop it.',
    retryable: false,
    hint: 'Wait for the end of the task.',
  },
  PAYMENT_REQUIRED: {
    meaning: 'The balance at 0-0 is too low.',
    retryable: false,
    hint: 'Add balance at 0-0, then send the operation again.',
  },
  RATE_LIMITED: {
    meaning: 'Too many calls. `retryAfterSeconds` says when to try again.',
    retryable: true,
    hint: 'Wait for `retryAfterSeconds`, then send the operation again.',
  },
  UPSTREAM_REJECTED: {
    meaning: '0-0 or a provider refused the request, and would refuse it again.',
    retryable: false,
    hint: 'Read the message and `upstreamCode`, and change the request.',
  },
  UPSTREAM_UNAVAILABLE: {
    meaning: '0-0 cannot be reached or cannot answer now. Nothing was done.',
    retryable: true,
    hint: 'Wait for `retryAfterSeconds`, then send the operation again.',
  },
  UPSTREAM_PROTOCOL: {
    meaning: '0-0 sent an answer that cannot be parsed.',
    retryable: false,
    hint: 'Report the `requestId` to the operator of this service.',
  },
  OUTCOME_UNKNOWN: {
    meaning:
      'A create was sent, and it is not known whether 0-0 carried it out. It is never sent again.',
    retryable: false,
    hint: 'Check at 0-0 whether the create was carried out. A second create may be paid twice.',
  },
  IDEMPOTENCY_CONFLICT: {
    meaning: 'The idempotency key was used before with another input.',
    retryable: false,
    hint: 'Use a new idempotency key for a new input.',
  },
  SERVICE_UNAVAILABLE: {
    meaning: 'This service cannot carry out the operation now. Nothing was done at 0-0.',
    retryable: true,
    hint: 'Wait some seconds, then send the operation again.',
  },
} as const satisfies Record<string, Description>

/** A code of the enum `ErrorCode`. */
export type ErrorCode = keyof typeof FAILURE_CODES

/** The codes of requests that fail before their execution, and of unexpected errors. */
const REQUEST_CODES = {
  BAD_REQUEST: {
    meaning: 'The request is not valid GraphQL over HTTP.',
    retryable: false,
    hint: 'Change the request as the message says.',
  },
  REQUEST_ENTITY_TOO_LARGE: {
    meaning: 'The body of the request is larger than `MAX_BODY_BYTES`.',
    retryable: false,
    hint: 'Send a smaller document and fewer variables.',
  },
  GRAPHQL_PARSE_FAILED: {
    meaning: 'The document is not valid GraphQL syntax.',
    retryable: false,
    hint: 'Correct the document at the position in `locations`.',
  },
  GRAPHQL_VALIDATION_FAILED: {
    meaning: 'The document does not match the schema.',
    retryable: false,
    hint: 'Correct what the message names, and generate the types of the client again.',
  },
  BAD_USER_INPUT: {
    meaning: 'A variable or an argument does not have the type that the schema requires.',
    retryable: false,
    hint: 'Send a value of the type that the message names.',
  },
  OPERATION_RESOLUTION_FAILURE: {
    meaning: 'The document has no operation with this name, or several and no name was sent.',
    retryable: false,
    hint: 'Send the `operationName` of one operation in the document.',
  },
  PERSISTED_QUERY_NOT_FOUND: {
    meaning: 'The document is not in the manifest of persisted documents.',
    retryable: false,
    hint: 'Add the document to the manifest of the service.',
  },
  PERSISTED_QUERY_NOT_SUPPORTED: {
    meaning: 'This service has no manifest of persisted documents.',
    retryable: false,
    hint: 'Send the text of the document as `query`.',
  },
  INTERNAL_SERVER_ERROR: {
    meaning: 'An unexpected error of this service. Its details are in the log only.',
    retryable: false,
    hint: 'Report the `requestId` to the operator of this service. A create may have been carried out.',
  },
} as const satisfies Record<string, Description>

/** Every value that `extensions.code` of an error can have. */
export const ERROR_CODES: readonly ErrorCodeInfo[] = Object.entries<Description>({
  ...FAILURE_CODES,
  ...REQUEST_CODES,
}).map(([code, description]) => ({ code, ...description }))

/** The derived extensions of an error. */
export interface ErrorHelp {
  hint: string
  /** The place in the documentation, relative to the root of the repository. */
  docs: string
}

const HELP = new Map<unknown, ErrorHelp>(
  ERROR_CODES.map(({ code, hint }) => [
    code,
    { hint, docs: `docs/errors.md#${code.toLowerCase()}` },
  ]),
)

/** Returns the extensions that the code of an error determines; null for a code that is not in the table. */
export function errorHelpOf(code: unknown): ErrorHelp | null {
  return HELP.get(code) ?? null
}
