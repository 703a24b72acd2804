import { z } from 'zod'

export type Config = z.infer<typeof ConfigShape>

/** The environment cannot be used; `message` lists everything that is wrong with it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** Reads the configuration from environment variables, which the README describes. Throws ConfigError. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.entries(environment).filter(([, value]) => value !== '')
  const result = ConfigShape.safeParse(Object.fromEntries(given))
  if (result.success) return result.data
  const lines = result.error.issues.map(({ path, message }) => `  ${path.join('.')}: ${message}`)
  throw new ConfigError(`The configuration cannot be used:\n${lines.join('\n')}`)
}

const port = z.coerce.number().int().min(0).max(65_535)
const milliseconds = z.coerce.number().int().positive()
const count = z.coerce.number().int().positive()

const ConfigShape = z
  .object({
    PORT: port.default(4000),
    HOST: z.string().default('127.0.0.1'),
    UPSTREAM_URL: z.url({ protocol: /^https?$/, error: 'Not an http or https URL.' }).optional(),
    SANDBOX_PORT: port.default(4010),
    DATA_DIR: z.string().default('.data'),
    DATABASE_URL: z
      .url({ protocol: /^postgres(ql)?$/, error: 'Not a postgres:// URL.' })
      .optional(),
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
    ASSET_POLL_MIN_MS: milliseconds.default(2_000),
    ASSET_POLL_MAX_MS: milliseconds.default(15_000),
    TASK_POLL_MIN_MS: milliseconds.default(5_000),
    TASK_POLL_MAX_MS: milliseconds.default(20_000),
    WATCH_DEADLINE_MINUTES: z.coerce.number().positive().default(60),
    POLL_MAX_RPS: count.default(20),
    UPSTREAM_MAX_CONCURRENCY: z.coerce.number().int().min(2).default(64),
    UPSTREAM_GET_TIMEOUT_MS: milliseconds.default(10_000),
    UPSTREAM_POST_TIMEOUT_MS: milliseconds.default(120_000),
    TERMINAL_TTL_SECONDS: z.coerce.number().positive().default(300),
    LOG_LEVEL: z
      .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
      .default('info'),
  })
  .superRefine((config, { addIssue }) => {
    if (config.DATABASE_URL !== undefined && config.SECRET_KEY === undefined) {
      const message = 'Required with DATABASE_URL: every process that shares it needs the same.'
      addIssue({ code: 'custom', path: ['SECRET_KEY'], message })
    }
    for (const kind of ['ASSET', 'TASK'] as const) {
      if (config[`${kind}_POLL_MIN_MS`] <= config[`${kind}_POLL_MAX_MS`]) continue
      const message = `Longer than ${kind}_POLL_MAX_MS.`
      addIssue({ code: 'custom', path: [`${kind}_POLL_MIN_MS`], message })
    }
  })
  .transform((env) => ({
    port: env.PORT,
    host: env.HOST,
    /** Absent: the sandbox is started and used. */
    upstreamUrl: env.UPSTREAM_URL,
    sandboxPort: env.SANDBOX_PORT,
    dataDir: env.DATA_DIR,
    /** Absent: SQLite in `dataDir`. */
    databaseUrl: env.DATABASE_URL,
    secret: env.SECRET_KEY,
    corsOrigins: env.CORS_ORIGINS,
    pace: {
      asset: { minMs: env.ASSET_POLL_MIN_MS, maxMs: env.ASSET_POLL_MAX_MS },
      videoTask: { minMs: env.TASK_POLL_MIN_MS, maxMs: env.TASK_POLL_MAX_MS },
    },
    watchDeadlineMs: env.WATCH_DEADLINE_MINUTES * 60_000,
    pollMaxRps: env.POLL_MAX_RPS,
    upstreamMaxConcurrency: env.UPSTREAM_MAX_CONCURRENCY,
    upstreamGetTimeoutMs: env.UPSTREAM_GET_TIMEOUT_MS,
    upstreamPostTimeoutMs: env.UPSTREAM_POST_TIMEOUT_MS,
    settledTtlMs: env.TERMINAL_TTL_SECONDS * 1_000,
    logLevel: env.LOG_LEVEL,
  }))

function isOrigin(text: string): boolean {
  return URL.parse(text)?.origin === text
}
