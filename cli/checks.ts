import type { Settings } from './settings.ts'
import { VERSION } from './version.ts'

/** The result of one check. */
export interface Check {
  name: string
  /** skip: it cannot be checked because of an earlier failure. */
  status: 'ok' | 'warn' | 'fail' | 'skip'
  message: string
  /** What to do. */
  hint?: string | undefined
}

const OLDEST_NODE = 24
/** The Date header has whole seconds, and the response takes time. */
const EXACT_SECONDS = 5
/** A token or a signed URL that is valid for some minutes can be invalid with a clock this wrong. */
const WRONG_SECONDS = 60
const TIMEOUT_MS = 10_000

/** Checks the version of Node that runs the command line. */
export function checkNode(): Check {
  const { node } = process.versions
  const isOld = Number.parseInt(node, 10) < OLDEST_NODE
  const hint = isOld ? `Install Node ${OLDEST_NODE} or later.` : undefined
  return { name: 'node', status: isOld ? 'fail' : 'ok', message: `Node ${node}`, hint }
}

/** Compares the versions of the service and the command line. */
export async function checkVersion({ url }: Settings): Promise<Check> {
  const { body } = await get(url, 'health')
  const version = typeof body?.version === 'string' ? body.version : null
  const message = `command line ${VERSION}, service ${version ?? 'unknown'}`
  if (version === VERSION) return { name: 'version', status: 'ok', message }
  const hint =
    version === null
      ? 'The service is older, or a proxy hides /health.'
      : 'Some commands may need fields that the service does not have. Use the same version.'
  return { name: 'version', status: 'warn', message, hint }
}

/** Asks the service whether its database can be used. */
export async function checkDatabase({ url }: Settings): Promise<Check> {
  const { status, body } = await get(url, 'ready')
  const name = 'database'
  if (body?.ready === true) return { name, status: 'ok', message: 'the service is ready' }
  if (body?.ready === false) {
    const hint = 'The service cannot use its database, or is shutting down. See its log.'
    return { name, status: 'fail', message: `/ready answers ${status}`, hint }
  }
  const hint = 'A proxy may hide /ready.'
  return { name, status: 'warn', message: `/ready answers ${status ?? 'nothing'}`, hint }
}

/** Compares the Date header of the service with the clock of this machine at `localMs`. */
export function checkClock(date: string | null, localMs: number): Check {
  const name = 'clock'
  const serviceMs = Date.parse(date ?? '')
  if (Number.isNaN(serviceMs)) {
    return { name, status: 'warn', message: 'the service does not send its time' }
  }
  const seconds = Math.round((localMs - serviceMs) / 1_000)
  if (Math.abs(seconds) <= EXACT_SECONDS) {
    return { name, status: 'ok', message: 'the clocks of the service and this machine agree' }
  }
  const direction = seconds > 0 ? 'ahead of' : 'behind'
  return {
    name,
    status: Math.abs(seconds) > WRONG_SECONDS ? 'fail' : 'warn',
    message: `this machine is ${Math.abs(seconds)} s ${direction} the service`,
    hint: 'Set both clocks with NTP. Tokens and signed URLs depend on the time.',
  }
}

interface RouteAnswer {
  /** Null when there is no answer. */
  status: number | null
  body: Record<string, unknown> | null
}

/** Reads a route beside the GraphQL endpoint. It needs no credential. */
async function get(endpoint: URL, route: string): Promise<RouteAnswer> {
  try {
    const response = await fetch(new URL(route, endpoint), {
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const body: unknown = await response.json().catch(() => null)
    return { status: response.status, body: isObject(body) ? body : null }
  } catch {
    return { status: null, body: null }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
