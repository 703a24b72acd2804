import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { type Failure, RequestError } from '../resolvers/failure.ts'
import { createBoundedFetch } from './fetch-bounded.ts'

export interface JwtOptions {
  /** Where the issuer publishes its public keys. */
  jwksUrl: string
  issuer: string
  audience: string
  /** The claim that names the tenant. */
  tenantClaim: string
  /** Told why the keys cannot be had. */
  onError(error: unknown): void
}

/** What a good token says. */
export interface JwtContent {
  /** As the issuer names it. */
  tenant: string
  /** Milliseconds since the epoch. */
  expiresAt: number
}

/** Only those whose key is public: under any other, whoever may read the keys could sign (RFC 8725, 3.1 and 3.2). */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]

const CLOCK_TOLERANCE_SECONDS = 5
/** For the answer and its body together. */
const JWKS_TIMEOUT_MS = 3_000
const MAX_JWKS_BYTES = 1024 * 1024
const MAX_TENANT_LENGTH = 255

/**
 * Gives the function that checks a token and reads it. It throws a RequestError: UNAUTHENTICATED when the token is no good,
 * SERVICE_UNAVAILABLE when that cannot be told because the issuer's keys cannot be had.
 *
 * Keys are kept for 10 minutes. A token that names a new one has them read again, at most once in 30 seconds.
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
      throw new RequestError(KEYS_AWAY)
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

/** Of what looking for a key fails with: whether the token is to blame, and not the keys. */
function isAboutToken(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    // With several keys a token has to name one (OpenID Connect Core, 10.1).
    error instanceof errors.JWKSMultipleMatchingKeys
  )
}

/** In general terms: whoever is refused is told nothing of what the token or the service holds. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired.'
  const isEarly = error instanceof errors.JWTClaimValidationFailed && error.claim === 'nbf'
  return isEarly ? 'The token is not valid yet.' : 'The token is not valid for this service.'
}

function unauthenticated(message: string): Failure {
  return { code: 'UNAUTHENTICATED', message, retryable: false }
}

const KEYS_AWAY: Failure = {
  code: 'SERVICE_UNAVAILABLE',
  message: 'The keys that tokens are checked with cannot be had now. Nothing was sent to 0-0.',
  retryable: true,
}
