import { RequestError } from './failure.ts'

/** The authenticated sender of a request, and its key for 0-0. */
export interface Identity {
  /** The tenant that owns the registered entities. */
  tenant: string
  /** The bearer key for 0-0, without `Bearer`. */
  credential: string
  /** Whether several tenants share the key, so that an entity at 0-0 may belong to another tenant. */
  isShared: boolean
  /** Milliseconds since the epoch; null when the credential does not expire. */
  expiresAt: number | null
}

/** The result of authentication: null without credentials, a RequestError when the credentials are refused. */
export type IdentityResult = Identity | RequestError | null

/** The request of one operation. */
export interface RequestContext {
  identity: IdentityResult
  /** The request id, as in logs and responses. */
  requestId: string
  /** Aborts when the caller has disconnected. */
  signal: AbortSignal
  /** The id of the last event that the client received before it connected again; absent: there is none. */
  lastEventId?: string | undefined
}

/** Returns the identity of a request. Throws UNAUTHENTICATED without credentials, or the error of authentication. */
export function requireIdentity({ identity }: Pick<RequestContext, 'identity'>): Identity {
  if (identity === null) throw new RequestError(MISSING_CREDENTIALS)
  if (identity instanceof RequestError) throw identity
  return identity
}

/** Returns the tenant of an identity, or null without valid credentials. */
export function tenantOf(identity: IdentityResult): string | null {
  return identity === null || identity instanceof RequestError ? null : identity.tenant
}

const MISSING_CREDENTIALS = {
  code: 'UNAUTHENTICATED',
  message:
    'Missing credentials: send an Authorization header: Bearer <key>. Over a WebSocket, send it in connection_init.',
  retryable: false,
} as const
