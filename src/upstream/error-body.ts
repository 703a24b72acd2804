/** What an error answer says, whichever of the layers behind the URL wrote it. */
export interface ErrorBody {
  /** Its words, at most 2,000 characters; empty when there are none. Not yet fit to be shown: see `plainText`. */
  text: string
  /** Its own code, such as `9003` or `NotFound.group_id`. */
  code: string | null
  /** Where the words stand when the body holds nothing else, as in all that the edge and the gateway write themselves. */
  place: 'detail' | 'error' | 'message' | 'error.message' | null
  /** Whether it has a shape that only providers, or the gateway quoting one, use (upstream-api 10.1). */
  isFromProvider: boolean
  /** `type` of an error object, such as `local_overload`. */
  type: string | null
}

/** Long enough to show and to classify, too short to be a burden. */
const MAX_TEXT_LENGTH = 2_000

/** Reads the JSON of an error answer; undefined and other values that are not objects say nothing. */
export function readErrorBody(json: unknown): ErrorBody {
  const text = findText(json)
  const quoted = unwrap(text)
  if (quoted !== null) return readQuoted(quoted)
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
 * What the Python gateway quotes after its repeats, `All <model> error: <the provider's body>` (upstream-api 10.4); null when
 * the text is not such a quotation.
 */
function unwrap(text: string): string | null {
  const [, quoted] = /^All .{1,200}? error:(.*)/s.exec(text) ?? []
  return quoted?.trim() ?? null
}

/** A quoted body: JSON is read like any other, plain text stands for itself, a page or broken JSON says nothing. */
function readQuoted(quoted: string): ErrorBody {
  const json = parseJson(quoted)
  if (isRecord(json)) return { ...readErrorBody(json), place: null, isFromProvider: true }
  const text = /^[<{[]/.test(quoted) ? '' : quoted.slice(0, MAX_TEXT_LENGTH)
  return { text, code: findCode(null, text), place: null, isFromProvider: true, type: null }
}

/** The words of an error body, in the order of upstream-api 5. */
function findText(json: unknown): string {
  if (!isRecord(json)) return ''
  const { detail, message, error, msg } = json
  if (typeof detail === 'string') return detail
  if (Array.isArray(detail)) return detail.map(describeInvalid).filter(Boolean).join('; ')
  if (typeof message === 'string') return message
  if (typeof error === 'string') return error
  if (isRecord(error) && typeof error.message === 'string') return error.message
  return typeof msg === 'string' ? msg : ''
}

/** One entry of a 422: where and what, without the input, which may be long. */
function describeInvalid(item: unknown): string {
  if (!isRecord(item) || typeof item.msg !== 'string') return ''
  const where = Array.isArray(item.loc) ? item.loc.filter((step) => typeof step === 'string') : []
  return where.length === 0 ? item.msg : `${where.join('.')}: ${item.msg}`
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

/** Name and value of the one field of an object; empty when it has none or more, or is no object. */
function soleEntry(value: unknown): [name: string, value: unknown] | [] {
  const [entry, ...others] = isRecord(value) ? Object.entries(value) : []
  return entry === undefined || others.length > 0 ? [] : entry
}

/** While polling, the gateway rewrites a provider's error into a task that is `running` (upstream-api 3.5). */
function isMasked({ id, status }: Record<string, unknown>): boolean {
  return typeof id === 'string' && status === 'running'
}

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

/** Undefined for what is not JSON. Depth does no harm: the parser does not recurse, and nothing here walks the result. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
