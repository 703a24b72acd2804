import { RequestError } from './failure.ts'

/** Who sent a request, and the key with which 0-0 is called for them. */
export interface Identity {
  /** The owner of everything that is registered for them. */
  tenant: string
  /** The bearer key for 0-0, without `Bearer`. */
  credential: string
  /** Whether several tenants share the key, so that an entity at 0-0 may belong to another tenant. */
  isShared: boolean
  /** Milliseconds since the epoch; null when the credential does not expire. */
  expiresAt: number | null
}

/** What authentication found: null without credentials, a RequestError when they are refused. */
export type IdentityResult = Identity | RequestError | null

/** One request to this service. */
export interface RequestContext {
  identity: IdentityResult
  requestId: string
  /** Aborts when the caller has disconnected. */
  signal: AbortSignal
}

/** The identity of a request. Throws UNAUTHENTICATED when there is none, and what authentication threw. */
export function requireIdentity({ identity }: Pick<RequestContext, 'identity'>): Identity {
  if (identity === null) throw new RequestError(MISSING_CREDENTIALS)
  if (identity instanceof RequestError) throw identity
  return identity
}

/** The tenant of a request, or null without valid credentials. */
export function tenantOf(identity: IdentityResult): string | null {
  return identity === null || identity instanceof RequestError ? null : identity.tenant
}

const MISSING_CREDENTIALS = {
  code: 'UNAUTHENTICATED',
  message:
    'Missing credentials: send an Authorization header: Bearer <key>. Over a WebSocket, send it in connection_init.',
  retryable: false,
} as const
