/** What a route answers, before the transport faults have their say. */
export interface Reply {
  status: number
  body: unknown
  headers?: Record<string, string>
}

export type ErrorShape = 'edge' | 'python' | 'rust'

/** Groups and assets come in the material service's envelope. */
export function envelope(data: unknown): Reply {
  return { status: 200, body: { code: 200, msg: 'OK', data } }
}

/** The material service's refusal: HTTP 200 unless told otherwise, with the real verdict in `code` and `msg`. */
export function providerRefusal(code: number, msg: string, status = 200): Reply {
  return { status, body: { code, msg, data: null } }
}

/** `created_at` as 0-0 gives it, in seconds, or in a form it might take one day. */
export function formatTime(
  seconds: number,
  form: 'seconds' | 'ms' | 'iso' = 'seconds',
): number | string {
  if (form === 'iso') return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
  return form === 'ms' ? seconds * 1000 : seconds
}

const detail = (status: number, text: unknown): Reply => ({ status, body: { detail: text } })
const message = (status: number, text: string): Reply => ({ status, body: { message: text } })
const error = (status: number, text: string): Reply => ({ status, body: { error: text } })
const nested = (status: number, text: string): Reply => ({
  status,
  body: { error: { message: text } },
})

const requiresObject = detail(422, [
  { type: 'dict_type', loc: ['body'], msg: 'Input should be a valid dictionary', input: [] },
])
const invalidJson = detail(422, [
  { type: 'json_invalid', loc: ['body', 0], msg: 'JSON decode error', input: {}, ctx: {} },
])
const promptRequired = detail(422, [
  { type: 'missing', loc: ['body', 'prompt'], msg: 'Field required', input: null },
])

/**
 * The same failure as each of 0-0's layers words it. What the edge leaves to the gateway behind it
 * reads like the Python gateway.
 */
export const gatewayError = {
  missingKey: (shape: ErrorShape) =>
    ({
      edge: detail(401, 'missing api key'),
      python: error(403, 'Invalid or missing API Key'),
      rust: nested(403, 'Invalid or missing API Key'),
    })[shape],
  invalidKey: (shape: ErrorShape) =>
    ({
      edge: detail(401, 'invalid api key'),
      python: error(403, 'Invalid or missing API Key'),
      rust: nested(403, 'Invalid or missing API Key'),
    })[shape],
  /** A key in `x-api-key` alone: Python does not read it, Rust does. */
  notAuthenticated: () => message(403, 'Not authenticated'),
  /** The edge refuses what costs; Rust refuses reads too; Python never says it (upstream-api 5.1 to 5.3). */
  insufficientBalance: (shape: ErrorShape) =>
    shape === 'rust'
      ? nested(429, 'Balance is insufficient, please recharge')
      : detail(402, 'insufficient balance'),
  /** Three 403 or 404 of a provider within 120 s: closed for 300 s, without Retry-After (upstream-api 10.3). */
  coolingDown: () => nested(429, 'All matching provider routes are cooling down'),
  foreignTask: () => message(403, 'Task belongs to a different API key'),
  /** The answer to the last attempt of the gateway did not arrive. */
  lostAnswer: ({ shape, model }: { shape: ErrorShape; model: string }) =>
    shape === 'rust'
      ? nested(502, 'Upstream transport error: error sending request for url (http://provider/api)')
      : error(502, `All ${model} error: connection closed before the response was complete`),
  /** An error of the provider on a poll, as the gateway words it: a task that still runs. */
  maskedPoll: (id: string, model: string): Reply => ({
    status: 200,
    body: { id, model, provider: 'lingjing', status: 'running', video: {} },
  }),
  rateLimited: (shape: ErrorShape) =>
    ({
      edge: detail(429, '上游已达到最大限制'),
      python: error(429, 'Too many requests'),
      rust: nested(429, 'Too many requests'),
    })[shape],
  invalidJson: (shape: ErrorShape) =>
    ({
      edge: detail(400, 'invalid json'),
      python: invalidJson,
      rust: nested(400, 'Request body is not valid JSON'),
    })[shape],
  notAnObject: (shape: ErrorShape) =>
    ({
      edge: requiresObject,
      python: requiresObject,
      rust: nested(400, 'Request body must be a JSON object'),
    })[shape],
  missingModel: (shape: ErrorShape) =>
    ({
      edge: detail(400, 'missing model'),
      python: message(422, 'Request body requires a model'),
      rust: nested(400, 'Request body requires a model'),
    })[shape],
  unknownModel: (shape: ErrorShape, model: string) =>
    shape === 'rust'
      ? nested(404, `No available providers at the moment: ${model}`)
      : message(404, `No matching model found: ${model}`),
  unknownProvider: (provider: string) =>
    message(404, `No available provider for video task: ${provider}`),
  blankPrompt: () => promptRequired,
  invalidTaskId: () => detail(400, 'invalid task id'),
  unknownTask: (shape: ErrorShape) =>
    ({
      edge: detail(404, 'content generation task not found'),
      python: message(404, 'Unknown content generation task id. Add ?model= to name its route.'),
      // It looks for a model of this name (upstream-api 1).
      rust: nested(404, 'No available providers at the moment: video'),
    })[shape],
  notFound: (shape: ErrorShape) =>
    shape === 'rust' ? nested(404, 'Not found') : detail(404, 'Not Found'),
  methodNotAllowed: (shape: ErrorShape) =>
    shape === 'rust' ? nested(405, 'Method not allowed') : detail(405, 'Method Not Allowed'),
  tooLarge: () => ({
    status: 413,
    body: { error: { message: 'Request body too large', type: 'request_too_large', code: 413 } },
  }),
  providerCredential: () =>
    detail(
      400,
      "sandbox: X-Access-Key and X-Secret-Key are the upstream provider's credentials and must never be sent to 0-0",
    ),
}
