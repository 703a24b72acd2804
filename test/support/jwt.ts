import type { ServerResponse } from 'node:http'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { serve } from './serve.ts'

export interface TokenOptions {
  /** In place of, or besides, those of a good token; undefined leaves one out. */
  claims?: Record<string, unknown>
  /** The key pair that signs; the newest one otherwise. */
  pair?: KeyPair
}

export interface KeyPair {
  algorithm: string
  kid: string
  privateKey: CryptoKey
  publicKey: CryptoKey
}

/** One who signs tokens, and publishes the keys to check them with over HTTP. */
export interface Issuer {
  jwksUrl: string
  /** The settings of a service that trusts it and holds the key `SERVER_KEY`. */
  environment: Record<string, string>
  /** Those it publishes, newest last. */
  pairs: KeyPair[]
  /** How often its keys were asked for. */
  fetches: number
  /** Answers for the keys in place of the above. */
  intercept: ((response: ServerResponse) => void) | null
  /** A token for `sub`, good for 5 minutes. */
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

/** What a good token for `sub` says, with some of it changed. */
export function claimsOf(sub: string, changed: Record<string, unknown> = {}): JWTPayload {
  return { iss: ISSUER, aud: AUDIENCE, sub, exp: inSeconds(300), ...changed }
}

/** A time as tokens state it. */
export function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1_000) + seconds
}
