import type { Ledger } from './ledger/ledger.ts'
import type { Caller, Context } from './resolvers/context.ts'
import { Refusal } from './resolvers/failure.ts'
import type { InTurn } from './resolvers/in-turn.ts'
import { createLoaders } from './resolvers/loaders.ts'
import type { Reads } from './resolvers/reads.ts'
import type { UpstreamClient } from './upstream/client.ts'

/** What operations share. */
export interface Services {
  ledger: Ledger
  upstream: UpstreamClient
  reads: Reads
  inTurn: InTurn
  seeThrough<T>(work: Promise<T>): Promise<T>
  onError(error: unknown): void
}

/** How one operation came in. */
export interface Arrival {
  /** The value of `Authorization`, if any. */
  authorization: string | null
  requestId: string
  /** Aborts when the caller has left. */
  signal: AbortSignal
}

/** What one operation receives. Nothing is asked of anyone before a field needs it. */
export function createContext(services: Services, arrival: Arrival): Context {
  const caller = callerOf(services.ledger, arrival)
  const { reads } = services
  const getCaller = () => {
    if (caller) return caller
    throw new Refusal({ code: 'UNAUTHENTICATED', message: MISSING_KEY, retryable: false })
  }
  return { ...services, caller: getCaller, loaders: createLoaders({ caller: getCaller, reads }) }
}

const MISSING_KEY =
  'No 0-0 API key came with this operation. Send "Authorization: Bearer <key>" as a header, or in connection_init.'

/** RFC 6750, 2.1; the scheme in any case (RFC 9110, 11.1). */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i

function callerOf(ledger: Ledger, { authorization, requestId, signal }: Arrival): Caller | null {
  const credential = BEARER.exec(authorization?.trim() ?? '')?.[1]
  if (credential === undefined) return null
  return { tenant: ledger.tenantOf(credential), credential, requestId, signal }
}
