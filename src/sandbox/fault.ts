import { z } from 'zod'
import { fingerprint } from './account.ts'
import type { Runtime } from './gateway-error.ts'

/** The six routes of 0-0 that the sandbox emulates (upstream-api 1). */
const ROUTES = [
  'createAssetGroup',
  'getAssetGroup',
  'createAsset',
  'getAsset',
  'createVideoTask',
  'getVideoTask',
] as const
/** The name of a route, as the fault limit `route` takes it. */
export type RouteName = (typeof ROUTES)[number]

const CREATES: RouteName[] = ['createAssetGroup', 'createAsset', 'createVideoTask']
const READS: RouteName[] = ['getAssetGroup', 'getAsset', 'getVideoTask']
const ENVELOPES: RouteName[] = ['createAssetGroup', 'getAssetGroup', 'createAsset', 'getAsset']

const providerStatus = z.int().min(400).max(599)

/**
 * Every switch: the values it accepts and the routes to which it applies. docs/sandbox.md explains
 * them.
 */
const SWITCHES = {
  runtime: { routes: ROUTES, value: z.enum(['edge', 'python', 'rust']) },
  forgetRoutes: { routes: READS, value: z.literal(true) },
  maskedPollError: { routes: ['getVideoTask'], value: z.literal(true) },
  delayMs: { routes: ROUTES, value: z.int().min(0).max(600_000) },
  html502: { routes: ROUTES, value: z.literal(true) },
  insufficientBalance: { routes: ROUTES, value: z.literal(true) },
  coolingDown: { routes: ROUTES, value: z.literal(true) },
  providerStatus: { routes: ROUTES, value: providerStatus },
  attempts: {
    routes: CREATES,
    value: z
      .array(z.union([z.literal('lost'), providerStatus]))
      .min(1)
      .max(3),
  },
  rateLimit: {
    routes: ROUTES,
    value: z.union([
      z.literal(true),
      z.strictObject({
        retryAfter: z.union([z.int().min(0), z.string().regex(/^[\x20-\x7e]+$/, 'a date')]),
      }),
    ]),
  },
  duplicatePost: { routes: CREATES, value: z.literal(true) },
  idField: { routes: ENVELOPES, value: z.literal(true) },
  omitMsg: { routes: ENVELOPES, value: z.literal(true) },
  createdAt: {
    routes: [...ENVELOPES, 'createVideoTask'],
    value: z.enum(['seconds', 'ms', 'iso']),
  },
  unknownIdStatus: { routes: ENVELOPES, value: z.literal(404) },
  sharedAssets: { routes: [...ENVELOPES, 'createVideoTask'], value: z.literal(true) },
  signedUrls: { routes: ['getAsset'], value: z.literal(true) },
  progress: { routes: ['getVideoTask'], value: z.boolean() },
  failureAsObject: { routes: ['getVideoTask'], value: z.literal(true) },
  badKeyStatus: { routes: ROUTES, value: z.literal(403) },
  reset: { routes: ROUTES, value: z.enum(['before', 'after']) },
  hang: { routes: ROUTES, value: z.enum(['before', 'after']) },
  truncate: { routes: ROUTES, value: z.literal(true) },
  assetOutcome: {
    routes: ['createAsset'],
    value: z.string().regex(/^[A-Za-z][A-Za-z.]*$/, 'a reason code, or Processing'),
  },
  taskOutcome: {
    routes: ['createVideoTask'],
    value: z.enum(['failed', 'cancelled', 'expired', 'running']),
  },
} satisfies Record<string, { routes: readonly RouteName[]; value: z.ZodType }>

type SwitchName = keyof typeof SWITCHES
/** The names of all switches, for the error of an invalid fault. */
export const SWITCH_NAMES = Object.keys(SWITCHES) as SwitchName[]

const switchValues = Object.fromEntries(
  SWITCH_NAMES.map((name) => [name, SWITCHES[name].value.optional()]),
) as { [Name in SwitchName]: z.ZodOptional<(typeof SWITCHES)[Name]['value']> }

const faultSchema = z.strictObject({
  ...switchValues,
  route: z.enum(ROUTES).optional(),
  account: z.string().optional(),
  times: z.int().positive().optional(),
})
const faultListSchema = z.union([z.array(faultSchema), faultSchema.transform((fault) => [fault])])

/**
 * Switches, with optional limits to a route, an account (its fingerprint) and a number of requests.
 */
type Fault = z.infer<typeof faultSchema>
/** The switches that apply to one request. */
export type Switches = Omit<Fault, 'route' | 'account' | 'times'>

/** The active faults, in memory. */
export interface Faults {
  list(): Fault[]
  /** Replaces all faults by these (one, or an array). Changes nothing when the input is invalid. */
  replace(input: unknown): { ok: true } | { ok: false; problem: string }
  clear(): void
  /**
   * Returns the switches that apply to a request. Where several faults set the same switch, the
   * last one wins. Counts the request against `times` and removes the faults that are used up.
   */
  take(route: RouteName, account: string | null): Switches
  /**
   * Returns the runtime for a request to a path outside the six routes: that of the last fault
   * without `route` and `account`, else `edge`. Does not count against `times`.
   */
  runtime(): Runtime
}

/** Creates an empty set of faults. */
export function createFaults(): Faults {
  let faults: Fault[] = []
  return {
    list: () => faults,
    clear: () => {
      faults = []
    },
    replace: (input) => {
      const parsed = faultListSchema.safeParse(input)
      if (!parsed.success) return { ok: false, problem: describeProblems(input, parsed.error) }
      faults = parsed.data.map(({ account, ...fault }) =>
        account === undefined ? fault : { ...fault, account: fingerprint(account) },
      )
      return { ok: true }
    },
    take: (route, account) => {
      const switches: Switches = {}
      for (const fault of faults) {
        if (fault.route !== undefined && fault.route !== route) continue
        if (fault.account !== undefined && fault.account !== account) continue
        const names = SWITCH_NAMES.filter(
          (name) => fault[name] !== undefined && appliesTo(name, route),
        )
        if (names.length === 0) continue
        Object.assign(switches, Object.fromEntries(names.map((name) => [name, fault[name]])))
        if (fault.times !== undefined) fault.times -= 1
      }
      faults = faults.filter((fault) => fault.times !== 0)
      return switches
    },
    runtime: () =>
      faults.findLast(({ runtime, route, account }) => runtime && !route && !account)?.runtime ??
      'edge',
  }
}

function appliesTo(name: SwitchName, route: RouteName): boolean {
  return (SWITCHES[name].routes as readonly RouteName[]).includes(route)
}

/** Parses the faults one by one, because the error of a union only says that no member matches. */
function describeProblems(input: unknown, error: z.ZodError): string {
  const faults = Array.isArray(input) ? input : [input]
  const problems = faults.flatMap((fault) => {
    const parsed = faultSchema.safeParse(fault)
    return parsed.success ? [] : [z.prettifyError(parsed.error)]
  })
  return problems.join('\n') || z.prettifyError(error)
}
