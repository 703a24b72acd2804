import { onExpiry } from '../auth/expiry.ts'
import type { Identity } from '../auth/identity.ts'
import type { Caller, Context } from '../resolvers/context.ts'
import { RequestError } from '../resolvers/failure.ts'
import { createLoaders } from '../resolvers/loaders.ts'

/** What operations share. */
export type Services = Omit<Context, 'caller' | 'loaders'>

/** How one operation came in. */
export interface Arrival {
  /** Who sent it; null when it did not say, a RequestError when what it said is no good. */
  identity: Identity | RequestError | null
  requestId: string
  /** Aborts when the caller has left. */
  signal: AbortSignal
}

/** Whose operation or socket it is; null when nobody is known. */
export function tenantOf(identity: Arrival['identity']): string | null {
  return identity === null || identity instanceof RequestError ? null : identity.tenant
}

/** What one operation receives. Nothing is asked of anyone before a field needs it. */
export function createContext(services: Services, arrival: Arrival): Context {
  const { identity, requestId, signal } = arrival
  const caller = (): Caller => {
    if (identity === null) throw new RequestError(MISSING_CREDENTIAL)
    if (identity instanceof RequestError) throw identity
    const { expiresAt, ...who } = identity
    return { ...who, requestId, signal, onExpiry: (listener) => onExpiry(expiresAt, listener) }
  }
  return { ...services, caller, loaders: createLoaders({ ...services, caller }) }
}

const MISSING_CREDENTIAL = {
  code: 'UNAUTHENTICATED',
  message:
    'No credential came with this operation. Send "Authorization: Bearer …" as a header, or in connection_init.',
  retryable: false,
} as const
