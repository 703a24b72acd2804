import { readFileSync } from 'node:fs'
import { CliError, usageError } from './cli-error.ts'
import { EXIT_CODE } from './exit-code.ts'

/** Where the service is, and how to call it. */
export interface Settings {
  /** The GraphQL endpoint. */
  url: URL
  /** Returns the key or token; null: none. Reads a key file again each time, so that a new token is used. */
  key(): string | null
  /** Milliseconds after which a lost connection is given up. */
  reconnectMs: number
}

/** The options that every command has. */
export interface GlobalOptions {
  url?: string
  keyFile?: string
  json?: boolean
  reconnect: number
}

const DEFAULT_URL = 'http://localhost:4000/graphql'
/** The characters of a bearer token (RFC 6750, 2.1). */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/
const STANDARD_INPUT = 0

/** Reads the settings from the options and the environment. Throws a CliError when one is invalid. */
export function readSettings(options: GlobalOptions, environment: NodeJS.ProcessEnv): Settings {
  return {
    url: endpointOf(options.url ?? (environment.ZEROGRAPH_URL || DEFAULT_URL)),
    key: createKeyReader(options.keyFile, environment.ZEROGRAPH_KEY),
    reconnectMs: options.reconnect * 1_000,
  }
}

/** Returns whether the service runs on this machine, where it may use the sandbox. */
export function isLocal({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}

/** Adds the path to a URL without one: `http://localhost:4000` is enough. */
function endpointOf(text: string): URL {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw usageError(`Not an http or https URL: ${text}`)
  }
  if (url.pathname === '/') url.pathname = '/graphql'
  return url
}

function createKeyReader(file: string | undefined, variable: string | undefined) {
  if (file === undefined) return () => checkKey(variable ?? '', 'ZEROGRAPH_KEY')
  // A wrong path is reported before anything is sent.
  const text = readKeyFile(file === '-' ? STANDARD_INPUT : file)
  if (file === '-') return () => checkKey(text, 'standard input')
  return () => checkKey(readKeyFile(file), file)
}

function readKeyFile(file: string | number): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usageError(`The key file cannot be read: ${(error as Error).message}`)
  }
}

function checkKey(text: string, source: string): string | null {
  const key = text.trim()
  if (key === '') return null
  if (TOKEN.test(key)) return key
  throw new CliError(`The key in ${source} has characters that a key cannot have.`, {
    code: 'UNAUTHENTICATED',
    exitCode: EXIT_CODE.credential,
  })
}
