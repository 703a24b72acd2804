/** The content of an error body, in any of the formats of the layers of 0-0 (upstream-api 5). */
export interface ErrorBody {
  /** The error message, at most 2,000 characters. Empty when there is none. Use `plainText` before showing it. */
  text: string
  /** The error code, such as `9003` or `NotFound.group_id`. Null when there is none. */
  code: string | null
  /**
   * The field that holds the message, when it is the only field of the body. All errors that the edge
   * and the gateway write themselves are like this. Null for other bodies.
   */
  place: 'detail' | 'error' | 'message' | 'error.message' | null
  /** Whether the body has a format that only provider errors have (upstream-api 10.1). */
  isFromProvider: boolean
  /** `error.type`, such as `local_overload`. Null when it is absent. */
  type: string | null
}

/** In UTF-16 code units. Enough to classify an error and to show it. */
const MAX_TEXT_LENGTH = 2_000

/** Reads the JSON of an error response. Any value that is not an object gives an ErrorBody without content. */
export function readErrorBody(json: unknown): ErrorBody {
  const text = findText(json)
  const providerBody = findProviderBody(text)
  if (providerBody !== null) return readProviderBody(providerBody)
  const error = isRecord(json) && isRecord(json.error) ? json.error : null
  return {
    text: text.slice(0, MAX_TEXT_LENGTH),
    code: findCode(json, text),
    place: findPlace(json),
    isFromProvider: isRecord(json) && (typeof json.code === 'number' || isMasked(json)),
    type: typeof error?.type === 'string' ? error.type : null,
  }
}

/**
 * Returns the provider's body from an error of the Python gateway after its retries:
 * `All <model> error: <body of the provider>` (upstream-api 10.4). Null for any other text.
 */
function findProviderBody(text: string): string | null {
  const [, body] = /^All .{1,200}? error:(.*)/s.exec(text) ?? []
  return body?.trim() ?? null
}

/**
 * Reads a provider's body. JSON is read as in readErrorBody, plain text becomes the message, and HTML
 * and broken JSON give no message.
 */
function readProviderBody(body: string): ErrorBody {
  const json = parseJson(body)
  if (isRecord(json)) return { ...readErrorBody(json), place: null, isFromProvider: true }
  const text = /^[<{[]/.test(body) ? '' : body.slice(0, MAX_TEXT_LENGTH)
  return { text, code: findCode(null, text), place: null, isFromProvider: true, type: null }
}

/** The error message. The order of the fields is that of upstream-api 5. */
function findText(json: unknown): string {
  if (!isRecord(json)) return ''
  const { detail, message, error, msg } = json
  if (typeof detail === 'string') return detail
  if (Array.isArray(detail)) return detail.map(describeValidationError).filter(Boolean).join('; ')
  if (typeof message === 'string') return message
  if (typeof error === 'string') return error
  if (isRecord(error) && typeof error.message === 'string') return error.message
  return typeof msg === 'string' ? msg : ''
}

/** Formats one entry of a 422 as `path: message` (upstream-api 5.2). Omits the input, which may be long. */
function describeValidationError(item: unknown): string {
  if (!isRecord(item) || typeof item.msg !== 'string') return ''
  const path = Array.isArray(item.loc) ? item.loc.filter((step) => typeof step === 'string') : []
  return path.length === 0 ? item.msg : `${path.join('.')}: ${item.msg}`
}

function findPlace(json: unknown): ErrorBody['place'] {
  const [name, value] = soleEntry(json)
  if (typeof value === 'string') {
    return name === 'detail' || name === 'error' || name === 'message' ? name : null
  }
  const [innerName, innerValue] = soleEntry(value)
  const isNested = name === 'error' && innerName === 'message' && typeof innerValue === 'string'
  return isNested ? 'error.message' : null
}

/** The name and value of the only field of an object. Empty when the value is not an object with one field. */
function soleEntry(value: unknown): [name: string, value: unknown] | [] {
  const [entry, ...others] = isRecord(value) ? Object.entries(value) : []
  return entry === undefined || others.length > 0 ? [] : entry
}

/** Whether the gateway rewrote a provider error into a task with status `running` (upstream-api 3.5). */
function isMasked({ id, status }: Record<string, unknown>): boolean {
  return typeof id === 'string' && status === 'running'
}

/** Error codes inside a message (upstream-api 5.5). */
const NAMED_CODE =
  /\b(?:(?:NotFound|InvalidParameter|MissingParameter|AccessDenied|RateLimit\w*)(?:\.\w+)*|\w+SensitiveContentDetected(?:\.\w+)?)/

function findCode(json: unknown, text: string): string | null {
  const named = NAMED_CODE.exec(text.slice(0, MAX_TEXT_LENGTH))
  if (named !== null) return named[0].slice(0, 100)
  if (!isRecord(json)) return null
  const code = json.code ?? (isRecord(json.error) ? json.error.code : null)
  return typeof code === 'number' || (typeof code === 'string' && /^[\w.-]{1,100}$/.test(code))
    ? String(code)
    : null
}

/**
 * Parses JSON. Returns undefined when the text is not JSON. Deep nesting is safe: the parser is not
 * recursive, and nothing in this file walks the whole result.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Whether a value is an object and not an array or null. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
