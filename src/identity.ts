import type { IdentityConfig } from './config.ts'

/** Who asks, and with which key 0-0 is asked for them. */
export interface Identity {
  /** The owner of everything that is registered for them. */
  tenant: string
  /** The bare bearer key for 0-0. */
  credential: string
  /** Milliseconds since the epoch; null when it does not expire. */
  expiresAt: number | null
}

/** Tells who sent a value of `Authorization`. Null when it was absent; throws a Refusal with UNAUTHENTICATED when it is no good. */
export type Authenticate = (authorization: string | null) => Promise<Identity | null>

export interface IdentityOptions {
  config: IdentityConfig
  /** The owner of a bearer key. */
  tenantOf(credential: string): string
}

/** RFC 6750, 2.1; the scheme in any case (RFC 9110, 11.1). */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i

export function createAuthenticate({ tenantOf }: IdentityOptions): Authenticate {
  return async (authorization) => {
    const credential = BEARER.exec(authorization?.trim() ?? '')?.[1]
    if (credential === undefined) return null
    return { tenant: tenantOf(credential), credential, expiresAt: null }
  }
}
