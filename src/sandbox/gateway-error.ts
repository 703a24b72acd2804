import type { Reply } from './reply.ts'

/** The layer of 0-0 that answers: the edge, or one of the two gateway runtimes (upstream-api 0). */
export type Runtime = 'edge' | 'python' | 'rust'

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
 * The error replies of the edge and of both gateway runtimes, with the texts of upstream-api 5.1 to
 * 5.3. Under `edge`, an error that the edge does not produce has the text of the Python gateway.
 */
export const gatewayError = {
  missingKey: (runtime: Runtime) =>
    ({
      edge: detail(401, 'missing api key'),
      python: error(403, 'Invalid or missing API Key'),
      rust: nested(403, 'Invalid or missing API Key'),
    })[runtime],
  invalidKey: (runtime: Runtime) =>
    ({
      edge: detail(401, 'invalid api key'),
      python: error(403, 'Invalid or missing API Key'),
      rust: nested(403, 'Invalid or missing API Key'),
    })[runtime],
  /** Python, for a key in `x-api-key` alone (upstream-api 1). */
  notAuthenticated: () => message(403, 'Not authenticated'),
  /** The edge sends it for creates, Rust for reads too, Python never (upstream-api 5.1 to 5.3). */
  insufficientBalance: (runtime: Runtime) =>
    runtime === 'rust'
      ? nested(429, 'Balance is insufficient, please recharge')
      : detail(402, 'insufficient balance'),
  /** Rust, for 300 s after three 403 or 404 of a provider within 120 s (upstream-api 10.3). */
  coolingDown: () => nested(429, 'All matching provider routes are cooling down'),
  /** Python, for a task that another key created. */
  foreignTask: () => message(403, 'Task belongs to a different API key'),
  /** The provider's response to the last attempt was lost (upstream-api 5.2, 10.4). */
  lostResponse: ({ runtime, model }: { runtime: Runtime; model: string }) =>
    runtime === 'rust'
      ? nested(502, 'Upstream transport error: error sending request for url (http://provider/api)')
      : error(502, `All ${model} error: connection closed before the response was complete`),
  /** The gateway turns a provider's error on a poll into a running task (upstream-api 3.5). */
  maskedPoll: (id: string, model: string): Reply => ({
    status: 200,
    body: { id, model, provider: 'lingjing', status: 'running', video: {} },
  }),
  rateLimited: (runtime: Runtime) =>
    ({
      edge: detail(429, '上游已达到最大限制'),
      python: error(429, 'Too many requests'),
      rust: nested(429, 'Too many requests'),
    })[runtime],
  invalidJson: (runtime: Runtime) =>
    ({
      edge: detail(400, 'invalid json'),
      python: invalidJson,
      rust: nested(400, 'Request body is not valid JSON'),
    })[runtime],
  notAnObject: (runtime: Runtime) =>
    ({
      edge: requiresObject,
      python: requiresObject,
      rust: nested(400, 'Request body must be a JSON object'),
    })[runtime],
  missingModel: (runtime: Runtime) =>
    ({
      edge: detail(400, 'missing model'),
      python: message(422, 'Request body requires a model'),
      rust: nested(400, 'Request body requires a model'),
    })[runtime],
  unknownModel: (runtime: Runtime, model: string) =>
    runtime === 'rust'
      ? nested(404, `No available providers at the moment: ${model}`)
      : message(404, `No matching model found: ${model}`),
  /** Python; Rust ignores the field `provider` (upstream-api 3.1). */
  unknownProvider: (provider: string) =>
    message(404, `No available provider for video task: ${provider}`),
  /** Rust; Python does not check the prompt (upstream-api 3.1). */
  blankPrompt: () => promptRequired,
  /** The edge, for an id over 128 characters (upstream-api 3.4). */
  invalidTaskId: () => detail(400, 'invalid task id'),
  unknownTask: (runtime: Runtime) =>
    ({
      edge: detail(404, 'content generation task not found'),
      python: message(404, 'Unknown content generation task id. Add ?model= to name its route.'),
      // Rust looks for a model called "video" (upstream-api 1).
      rust: nested(404, 'No available providers at the moment: video'),
    })[runtime],
  notFound: (runtime: Runtime) =>
    runtime === 'rust' ? nested(404, 'Not found') : detail(404, 'Not Found'),
  methodNotAllowed: (runtime: Runtime) =>
    runtime === 'rust' ? nested(405, 'Method not allowed') : detail(405, 'Method Not Allowed'),
  tooLarge: () => ({
    status: 413,
    body: { error: { message: 'Request body too large', type: 'request_too_large', code: 413 } },
  }),
  /**
   * Not an error of 0-0: it tells a developer that the client leaks credentials (upstream-api 1).
   */
  providerCredential: () =>
    detail(
      400,
      "sandbox: X-Access-Key and X-Secret-Key are the upstream provider's credentials and must never be sent to 0-0",
    ),
}
