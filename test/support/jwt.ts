import type { ServerResponse } from 'node:http'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { serve } from './serve.ts'

export interface TokenOptions {
  /** Claims that replace or extend those of a valid token. Undefined omits a claim. */
  claims?: Record<string, unknown>
  /** The key pair that signs. Default: the newest. */
  pair?: KeyPair
}

export interface KeyPair {
  algorithm: string
  kid: string
  privateKey: CryptoKey
  publicKey: CryptoKey
}

/** A token issuer that publishes its public keys over HTTP. */
export interface Issuer {
  jwksUrl: string
  /** The settings of a service that trusts this issuer and holds the key `SERVER_KEY`. */
  environment: Record<string, string>
  /** The published key pairs, newest last. */
  pairs: KeyPair[]
  /** The number of requests for the keys. */
  fetches: number
  /** Answers requests for the keys instead of `pairs`. */
  intercept: ((response: ServerResponse) => void) | null
  /** A token for `sub`, valid for 5 minutes. */
  token(sub: string, options?: TokenOptions): Promise<string>
}

export const SERVER_KEY = 'sk-server-held-4711'
export const ISSUER = 'https://login.example.com/'
export const AUDIENCE = 'zerograph'

export async function startIssuer(): Promise<Issuer> {
  const issuer: Issuer = {
    jwksUrl: '',
    environment: {},
    pairs: [await createKeyPair('ES256')],
    fetches: 0,
    intercept: null,
    token: (sub, { claims, pair = issuer.pairs.at(-1) } = {}) => {
      if (!pair) throw new Error('There is no key to sign with.')
      const header = { alg: pair.algorithm, kid: pair.kid }
      return new SignJWT(claimsOf(sub, claims)).setProtectedHeader(header).sign(pair.privateKey)
    },
  }
  const url = await serve(async (_request, response) => {
    issuer.fetches += 1
    if (issuer.intercept) return issuer.intercept(response)
    const keys = issuer.pairs.map(async ({ kid, publicKey }) => ({
      ...(await exportJWK(publicKey)),
      kid,
    }))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys: await Promise.all(keys) }))
  })
  issuer.jwksUrl = `${url}/jwks.json`
  issuer.environment = {
    UPSTREAM_API_KEY: SERVER_KEY,
    JWKS_URL: issuer.jwksUrl,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
  }
  return issuer
}

export async function createKeyPair(algorithm: string): Promise<KeyPair> {
  const pair = await generateKeyPair(algorithm, { extractable: true })
  return { algorithm, kid: crypto.randomUUID(), ...pair }
}

/** The claims of a valid token for `sub`, with changes. */
export function claimsOf(sub: string, changed: Record<string, unknown> = {}): JWTPayload {
  return { iss: ISSUER, aud: AUDIENCE, sub, exp: inSeconds(300), ...changed }
}

/** The time in `seconds` from now as a JWT NumericDate (RFC 7519, 2). */
export function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1_000) + seconds
}
