import type { IdentityConfig } from '../config.ts'
import { RequestError } from '../resolvers/failure.ts'
import { createJwtReader } from './jwt.ts'

/** Who asks, and with which key 0-0 is asked for them. */
export interface Identity {
  /** The owner of everything that is registered for them. */
  tenant: string
  /** The bare bearer key for 0-0. */
  credential: string
  /** Whether tenants share it: then what 0-0 knows by an id need not be this tenant's. */
  isShared: boolean
  /** Milliseconds since the epoch; null when it does not expire. */
  expiresAt: number | null
}

/**
 * Tells who sent a value of `Authorization`. Null when nothing was sent; throws a RequestError with UNAUTHENTICATED when
 * it is no good, with SERVICE_UNAVAILABLE when that cannot be told now.
 */
export type Authenticate = (authorization: string | null) => Promise<Identity | null>

export interface IdentityOptions {
  config: IdentityConfig
  /** The owner of a bearer key. */
  tenantOf(credential: string): string
  /** Told why credentials cannot be checked. */
  onError?: ((error: unknown) => void) | undefined
}

export function createAuthenticate(options: IdentityOptions): Authenticate {
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
      const read = createJwtReader({ ...issuance, onError })
      return async (authorization) => {
        const token = bearerOf(authorization)
        if (token === null) return null
        const { tenant, expiresAt } = await read(token)
        const name = ownerName('jwt', issuance.issuer, issuance.tenantClaim, tenant)
        return { tenant: tenantOf(name), credential, isShared: true, expiresAt }
      }
    }
    case 'ANONYMOUS': {
      const { upstreamApiKey: credential } = config
      const tenant = tenantOf(ownerName('anonymous'))
      const everybody = { tenant, credential, isShared: false, expiresAt: null }
      return async () => everybody
    }
  }
}

/** RFC 6750, 2.1; the scheme in any case (RFC 9110, 11.1). */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i

/** The key or token; null when nothing was sent. Throws a RequestError when something else was sent. */
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

/** Stands for an owner without a key of their own where a key would stand. No key reads like it, nor does any other owner. */
function ownerName(...parts: string[]): string {
  return JSON.stringify(parts)
}
