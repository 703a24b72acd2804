import { RequestError } from '../model/failure.ts'
import type { Identity } from '../model/identity.ts'
import { createJwtReader, type JwtOptions } from './jwt.ts'
import { rememberTokens } from './remember-tokens.ts'

/** How callers are authenticated. */
export type IdentityConfig =
  /** Each caller sends a 0-0 API key. */
  | { mode: 'PASS_THROUGH' }
  /** Each caller sends a JWT, and this service has the 0-0 API key. */
  | ({ mode: 'JWT'; upstreamApiKey: string } & Omit<JwtOptions, 'onError'>)
  /** Callers send no credentials, and this service has the 0-0 API key. */
  | { mode: 'ANONYMOUS'; upstreamApiKey: string }

/**
 * Returns the identity for the value of an Authorization header, or null when it is missing. Throws a RequestError:
 * UNAUTHENTICATED when the credentials are invalid, SERVICE_UNAVAILABLE when they cannot be checked now.
 */
export type Authenticate = (authorization: string | null) => Promise<Identity | null>

/** Options of `createAuthenticate`. */
interface AuthenticateOptions {
  config: IdentityConfig
  /** Returns the tenant id for a 0-0 API key or for a tenant name. */
  tenantOf(credential: string): string
  /** Called with the error when credentials cannot be checked. */
  onError?: ((error: unknown) => void) | undefined
}

/** Creates the function that authenticates callers in the configured mode. */
export function createAuthenticate(options: AuthenticateOptions): Authenticate {
  const { config, tenantOf, onError = () => {} } = options
  switch (config.mode) {
    case 'PASS_THROUGH':
      return async (authorization) => {
        const credential = bearerOf(authorization)
        if (credential === null) return null
        return { tenant: tenantOf(credential), credential, isShared: false, expiresAt: null }
      }
    case 'JWT': {
      const { upstreamApiKey: credential, ...issuance } = config
      const read = rememberTokens(createJwtReader({ ...issuance, onError }))
      return async (authorization) => {
        const token = bearerOf(authorization)
        if (token === null) return null
        const { tenant, expiresAt } = await read(token)
        const name = tenantName('jwt', issuance.issuer, issuance.tenantClaim, tenant)
        return { tenant: tenantOf(name), credential, isShared: true, expiresAt }
      }
    }
    case 'ANONYMOUS': {
      const { upstreamApiKey: credential } = config
      const tenant = tenantOf(tenantName('anonymous'))
      const identity = { tenant, credential, isShared: false, expiresAt: null }
      return async () => identity
    }
  }
}

/** RFC 6750, 2.1. The scheme is case-insensitive (RFC 9110, 11.1). */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i

/** Returns the key or token, or null when the header is missing. Throws UNAUTHENTICATED for an invalid header. */
function bearerOf(authorization: string | null): string | null {
  const value = authorization?.trim() ?? ''
  if (value === '') return null
  const bearer = BEARER.exec(value)?.[1]
  if (bearer === undefined)
    throw new RequestError(/^bearer( |$)/i.test(value) ? MALFORMED : NOT_BEARER)
  return bearer
}

const NOT_BEARER = {
  code: 'UNAUTHENTICATED',
  message: 'Authorization does not begin with "Bearer". Send "Authorization: Bearer <key>".',
  retryable: false,
} as const
const MALFORMED = {
  code: 'UNAUTHENTICATED',
  message: 'The bearer token in Authorization is empty or malformed.',
  retryable: false,
} as const

/** Returns a unique name for a tenant without a key of its own. The name is a JSON array, which is not a valid key. */
function tenantName(...parts: string[]): string {
  return JSON.stringify(parts)
}
