import type { Logger } from 'pino'
import type { OperationObserver, Progress } from './operation.ts'

/** How many hex digits of the tenant's hash are logged. They suffice to group the operations of one tenant. */
const TENANT_DIGITS = 12

/**
 * Returns an observer that logs one line when an operation has ended. For a subscription it logs one line at the
 * beginning and one at the end.
 */
export function logOperations(log: Logger): OperationObserver {
  return ({ requestId, tenant, type, name, transport }) => {
    let isSubscribed = false
    const line = ({ durationMs, upstreamCalls, events, errors }: Progress) => ({
      requestId,
      tenant: tenant?.slice(0, TENANT_DIGITS) ?? null,
      type,
      name,
      transport,
      durationMs: Math.round(durationMs),
      upstreamCalls,
      ...(isSubscribed ? { events } : {}),
      errors,
    })
    return {
      began(progress) {
        log.info(line(progress), 'subscription began')
        isSubscribed = true
      },
      ended: (progress) =>
        log.info(line(progress), isSubscribed ? 'subscription ended' : 'operation'),
    }
  }
}
