import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { type Failure, RequestError } from '../model/failure.ts'
import { createBoundedFetch } from './fetch-bounded.ts'

/** Options of `createJwtReader`. */
export interface JwtOptions {
  /** The URL of the public keys of the issuer (RFC 7517). */
  jwksUrl: string
  issuer: string
  audience: string
  /** The claim that contains the tenant. */
  tenantClaim: string
  /** Called with the error when the public keys cannot be loaded. */
  onError(error: unknown): void
}

/** The content of a valid token. */
export interface JwtContent {
  /** The value of the tenant claim. */
  tenant: string
  /** Milliseconds since the epoch. */
  expiresAt: number
}

/**
 * Only asymmetric algorithms. With a shared key, every service that can verify a token can also sign one (RFC 8725,
 * 3.1).
 */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]

const CLOCK_TOLERANCE_SECONDS = 5
/** Includes the time for the body. */
const JWKS_TIMEOUT_MS = 3_000
const MAX_JWKS_BYTES = 1024 * 1024
const MAX_TENANT_LENGTH = 255

/**
 * Returns the function that verifies a token and reads it. It throws a RequestError: UNAUTHENTICATED when the token is
 * invalid, SERVICE_UNAVAILABLE when the issuer's keys cannot be loaded.
 *
 * Keys are cached for 10 minutes. A token with an unknown key id loads them again, at most once in 30 seconds.
 */
export function createJwtReader(options: JwtOptions): (token: string) => Promise<JwtContent> {
  const { jwksUrl, issuer, audience, tenantClaim, onError } = options
  const keys = createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: JWKS_TIMEOUT_MS,
    [customFetch]: createBoundedFetch(MAX_JWKS_BYTES),
  })

  const keyOf: JWTVerifyGetKey = (header, token) =>
    keys(header, token).catch((error) => {
      if (isAboutToken(error)) throw error
      onError(error)
      throw new RequestError(KEYS_UNAVAILABLE)
    })

  return async (token) => {
    const { payload } = await jwtVerify(token, keyOf, {
      algorithms: ALGORITHMS,
      issuer,
      audience,
      requiredClaims: ['exp'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
    }).catch((error) => {
      throw error instanceof RequestError
        ? error
        : new RequestError(unauthenticated(reasonOf(error)))
    })
    const tenant = payload[tenantClaim]
    if (typeof tenant !== 'string' || tenant === '' || tenant.length > MAX_TENANT_LENGTH) {
      throw new RequestError(unauthenticated('The token does not name a tenant.'))
    }
    return { tenant, expiresAt: Number(payload.exp) * 1_000 }
  }
}

/** Returns whether a key was not found because of the token, and not because the keys cannot be loaded. */
function isAboutToken(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    // With several keys, a token must name one (OpenID Connect Core, 10.1).
    error instanceof errors.JWKSMultipleMatchingKeys
  )
}

/** A general message, so that it does not reveal the token or the configuration. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired.'
  const isEarly = error instanceof errors.JWTClaimValidationFailed && error.claim === 'nbf'
  return isEarly ? 'The token is not valid yet.' : 'The token is not valid for this service.'
}

function unauthenticated(message: string): Failure {
  return { code: 'UNAUTHENTICATED', message, retryable: false }
}

const KEYS_UNAVAILABLE: Failure = {
  code: 'SERVICE_UNAVAILABLE',
  message:
    'Tokens cannot be verified now, because the keys of their issuer cannot be loaded. Nothing was sent to 0-0.',
  retryable: true,
}
