import { z } from 'zod'
import type { IdentityConfig } from './auth/authenticate.ts'
import { type Host, parseHost } from './http/allowed-hosts.ts'
import { UPSTREAM_CALL } from './schema/cost.ts'

/** The validated configuration. Names with `Ms` are in milliseconds, names with `Bytes` in bytes. */
export type Config = z.infer<typeof ConfigShape>

/** The environment variables are invalid. `message` lists all issues. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** Reads the configuration from the environment variables, which the README describes. Throws ConfigError. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const nonEmpty = Object.entries(environment).filter(([, value]) => value !== '')
  const result = ConfigShape.safeParse(Object.fromEntries(nonEmpty))
  if (result.success) return result.data
  const lines = result.error.issues.map(({ path, message }) => `  ${path.join('.')}: ${message}`)
  throw new ConfigError(`The configuration is invalid:\n${lines.join('\n')}`)
}

const port = z.coerce.number().int().min(0).max(65_535)
const milliseconds = z.coerce.number().int().positive()
const count = z.coerce.number().int().positive()
const unpadded = z.string().regex(/^\S(.*\S)?$/, 'Begins or ends with white space.')
const flag = z.enum(['0', '1'], 'Must be 0 or 1.').transform((word) => word === '1')

const EnvironmentShape = z.object({
  PORT: port.default(4000),
  HOST: z.string().default('127.0.0.1'),
  UPSTREAM_URL: z.url({ protocol: /^https?$/, error: 'Not an http or https URL.' }).optional(),
  SANDBOX_PORT: port.default(4010),
  DATA_DIR: z.string().default('.data'),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'Not a postgres:// URL.' }).optional(),
  SECRET_KEY: z
    .base64()
    .transform((text) => Buffer.from(text, 'base64'))
    .refine((bytes) => bytes.length === 32, 'Not 32 bytes in base64.')
    .optional(),
  CORS_ORIGINS: z
    .string()
    .transform((list) => list.split(',').map((origin) => origin.trim()))
    .pipe(z.array(z.string().refine(isOrigin, 'Not an origin such as https://app.example.com.')))
    .default([]),
  ALLOWED_HOSTS: z
    .string()
    .transform((list, { addIssue }) =>
      list.split(',').flatMap((text) => {
        const host = parseHost(text.trim())
        if (host) return [host]
        addIssue('Not a list of host names such as app.example.com or app.example.com:8080.')
        return []
      }),
    )
    .optional(),
  UPSTREAM_API_KEY: z
    .string()
    .regex(/^[A-Za-z0-9\-._~+/]+=*$/, 'Not a bearer key. Omit the word Bearer.')
    .optional(),
  JWKS_URL: z
    .url({ protocol: /^https?$/, error: 'Not an http or https URL.' })
    .refine(hasNoPassword, 'A URL with a user or password cannot be fetched.')
    .optional(),
  JWT_ISSUER: unpadded.optional(),
  JWT_AUDIENCE: unpadded.optional(),
  TENANT_CLAIM: unpadded.optional(),
  ALLOW_ANONYMOUS: flag.default(false),
  PUBLIC_SCHEMA: flag.default(true),
  BOARD: flag.default(true),
  PERSISTED_DOCUMENTS: z.string().optional(),
  MAX_BODY_BYTES: count.default(256 * 1024),
  MAX_MESSAGE_BYTES: count.default(64 * 1024),
  MAX_TOKENS: count.default(2_000),
  MAX_DIRECTIVES: count.default(100),
  MAX_DEPTH: count.default(10),
  MAX_ALIASES: count.default(60),
  MAX_MUTATIONS: count.default(5),
  MAX_COMPLEXITY: count.default(10_000),
  MAX_PAGE_SIZE: count.default(100),
  MAX_SUBSCRIPTION_IDS: count.default(500),
  MAX_SOCKET_OPERATIONS: count.default(100),
  MAX_TENANT_SOCKETS: count.default(200),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'Not an http or https URL.' })
    .optional(),
  ASSET_POLL_MIN_MS: milliseconds.default(2_000),
  ASSET_POLL_MAX_MS: milliseconds.default(15_000),
  TASK_POLL_MIN_MS: milliseconds.default(5_000),
  TASK_POLL_MAX_MS: milliseconds.default(20_000),
  WATCH_DEADLINE_MINUTES: z.coerce.number().positive().default(60),
  POLL_MAX_RPS: count.default(20),
  UPSTREAM_MAX_CONCURRENCY: z.coerce.number().int().min(2).default(64),
  UPSTREAM_MAX_CREATES: count.default(32),
  UPSTREAM_GET_TIMEOUT_MS: milliseconds.default(10_000),
  // After 100 s the gateway of 0-0 sends a create again if the client still waits (upstream-api 10.2).
  UPSTREAM_POST_TIMEOUT_MS: milliseconds
    .max(99_999, 'Not below 100000: after 100 s the gateway of 0-0 sends a create a second time.')
    .default(90_000),
  TERMINAL_TTL_SECONDS: z.coerce.number().nonnegative().default(300),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
})

const ConfigShape = EnvironmentShape.superRefine((config, { addIssue }) => {
  for (const [name, message] of identityIssues(config)) {
    addIssue({ code: 'custom', path: [name], message })
  }
  if (config.DATABASE_URL !== undefined && config.SECRET_KEY === undefined) {
    const message =
      'Required with DATABASE_URL: all processes with the same database need the same key.'
    addIssue({ code: 'custom', path: ['SECRET_KEY'], message })
  }
  for (const kind of ['ASSET', 'TASK'] as const) {
    if (config[`${kind}_POLL_MIN_MS`] <= config[`${kind}_POLL_MAX_MS`]) continue
    const message = `Longer than ${kind}_POLL_MAX_MS.`
    addIssue({ code: 'custom', path: [`${kind}_POLL_MIN_MS`], message })
  }
}).transform((env) => ({
  port: env.PORT,
  host: env.HOST,
  /** Absent: the service starts a sandbox and uses it. */
  upstreamUrl: env.UPSTREAM_URL,
  sandboxPort: env.SANDBOX_PORT,
  dataDir: env.DATA_DIR,
  /** The URL of PostgreSQL; absent: SQLite in `dataDir`. */
  databaseUrl: env.DATABASE_URL,
  secret: env.SECRET_KEY,
  corsOrigins: env.CORS_ORIGINS,
  allowedHosts: allowedHostsOf(env),
  identity: identityOf(env),
  publicSchema: env.PUBLIC_SCHEMA,
  board: env.BOARD,
  /** The path of a manifest; absent: any document is admitted. */
  persistedDocuments: env.PERSISTED_DOCUMENTS,
  limits: {
    bodyBytes: env.MAX_BODY_BYTES,
    messageBytes: env.MAX_MESSAGE_BYTES,
    tokens: env.MAX_TOKENS,
    directives: env.MAX_DIRECTIVES,
    depth: env.MAX_DEPTH,
    aliases: env.MAX_ALIASES,
    mutations: env.MAX_MUTATIONS,
    complexity: env.MAX_COMPLEXITY,
    /** The number of reads that MAX_COMPLEXITY allows. */
    upstreamReads: Math.ceil(env.MAX_COMPLEXITY / UPSTREAM_CALL),
    pageSize: env.MAX_PAGE_SIZE,
    subscriptionIds: env.MAX_SUBSCRIPTION_IDS,
    socketOperations: env.MAX_SOCKET_OPERATIONS,
    tenantSockets: env.MAX_TENANT_SOCKETS,
  },
  /** Absent: no traces. */
  otlpEndpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT,
  pace: {
    asset: { minMs: env.ASSET_POLL_MIN_MS, maxMs: env.ASSET_POLL_MAX_MS },
    videoTask: { minMs: env.TASK_POLL_MIN_MS, maxMs: env.TASK_POLL_MAX_MS },
  },
  pollDeadlineMs: env.WATCH_DEADLINE_MINUTES * 60_000,
  pollMaxRps: env.POLL_MAX_RPS,
  upstreamMaxConcurrency: env.UPSTREAM_MAX_CONCURRENCY,
  upstreamMaxCreates: env.UPSTREAM_MAX_CREATES,
  upstreamGetTimeoutMs: env.UPSTREAM_GET_TIMEOUT_MS,
  upstreamPostTimeoutMs: env.UPSTREAM_POST_TIMEOUT_MS,
  terminalTtlMs: env.TERMINAL_TTL_SECONDS * 1_000,
  logLevel: env.LOG_LEVEL,
}))

/**
 * Returns the hosts that are allowed in addition to loopback; null: any host. A service that needs no credentials of
 * the caller must check the `Host` header: another site could resolve its own name to the address of the service, and
 * call the service from the browser of a visitor (DNS rebinding).
 */
function allowedHostsOf(env: Environment): Host[] | null {
  const needsNoCredential = env.ALLOW_ANONYMOUS || env.UPSTREAM_URL === undefined
  if (env.ALLOWED_HOSTS === undefined && !needsNoCredential) return null
  const own = parseHost(env.HOST.includes(':') ? `[${env.HOST}]` : env.HOST)
  const isWildcard = own === null || ['0.0.0.0', '[::]'].includes(own.name)
  return [...(isWildcard ? [] : [own]), ...(env.ALLOWED_HOSTS ?? [])]
}

type Environment = z.infer<typeof EnvironmentShape>

/** The result is valid only when `identityIssues` returns no issues. */
function identityOf(env: Environment): IdentityConfig {
  const { UPSTREAM_API_KEY, JWKS_URL, JWT_ISSUER, JWT_AUDIENCE, TENANT_CLAIM = 'sub' } = env
  if (UPSTREAM_API_KEY === undefined) return { mode: 'PASS_THROUGH' }
  if (env.ALLOW_ANONYMOUS) return { mode: 'ANONYMOUS', upstreamApiKey: UPSTREAM_API_KEY }
  return {
    mode: 'JWT',
    upstreamApiKey: UPSTREAM_API_KEY,
    jwksUrl: JWKS_URL ?? '',
    issuer: JWT_ISSUER ?? '',
    audience: JWT_AUDIENCE ?? '',
    tenantClaim: TENANT_CLAIM,
  }
}

const JWT_REQUIRED = ['JWKS_URL', 'JWT_ISSUER', 'JWT_AUDIENCE'] as const
const JWT_SETTINGS = [...JWT_REQUIRED, 'TENANT_CLAIM'] as const

/** Requires the complete settings of one mode. An incomplete or mixed configuration could admit unintended callers. */
function identityIssues(env: Environment): [name: string, message: string][] {
  const isSet = (name: keyof Environment) => env[name] !== undefined
  const jwt = JWT_SETTINGS.filter(isSet)
  if (env.ALLOW_ANONYMOUS) {
    const issues: [string, string][] = jwt.map((name) => [
      name,
      'Not allowed with ALLOW_ANONYMOUS=1.',
    ])
    if (isSet('UPSTREAM_API_KEY')) return issues
    return [['UPSTREAM_API_KEY', 'Required with ALLOW_ANONYMOUS=1.'], ...issues]
  }
  const serverHeld = ['UPSTREAM_API_KEY', ...JWT_REQUIRED] as const
  const present = (['UPSTREAM_API_KEY', ...jwt] as const).filter(isSet)
  if (present.length === 0) return []
  const missing = serverHeld.filter((name) => !isSet(name))
  return missing.map((name) => [name, `Required with ${present.join(', ')}.`])
}

function hasNoPassword(text: string): boolean {
  const url = URL.parse(text)
  return url === null || url.username + url.password === ''
}

function isOrigin(text: string): boolean {
  return URL.parse(text)?.origin === text
}
