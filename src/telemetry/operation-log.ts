import type { Logger } from 'pino'
import type { OperationObserver, Progress } from './operation-observer.ts'

/** Hex digits of a tenant that its operations can be told by. */
const TENANT_DIGITS = 12

/** One line for each operation when it has answered; for a subscription one when it began and one when it ended. */
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
