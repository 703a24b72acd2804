import { addPollJob } from './add-poll-job.ts'
import { type ChangeNotifier, createChangeNotifier } from './change-notifier.ts'
import { openDatabase } from './database.ts'
import {
  createIdempotencyRecords,
  finishWithin,
  type IdempotencyRecordKey,
  type IdempotencyRecords,
} from './idempotency-records.ts'
import { listChildren, listResources, type ResourceFilter } from './lists.ts'
import { migrate } from './migrations.ts'
import { findRow, insert, nextSnapshot, type Row, reopen, resourceOf, update } from './observe.ts'
import { type Page, type PageRequest, pageBounds } from './page.ts'
import type { PolledKind, PollTiming } from './poll-job.ts'
import { countPollJobs, createPollJobs, type PollJobs } from './poll-jobs.ts'
import { prune } from './prune.ts'
import {
  type Address,
  isTerminal,
  type Kind,
  type Origin,
  type Resource,
  type Snapshot,
  type Status,
  type Transition,
} from './resource.ts'
import { createSecrets, loadOrMakeSecret } from './secrets.ts'
import { createStorageHealth } from './storage-health.ts'
import { createTenantLocks, type TenantLocks } from './tenant-locks.ts'
import { transitionsAfter } from './transitions.ts'
import { type LedgerUnavailable, persist, typedErrors as withTypedErrors } from './unavailable.ts'

export interface LedgerOptions {
  /** Folder of the SQLite file and of the generated secret; made when missing. */
  dataDir: string
  /** `postgres://…`; when absent, SQLite in `dataDir`. */
  databaseUrl?: string | undefined
  /** 32 bytes; when absent, the secret kept in `dataDir`. */
  secret?: Buffer | undefined
  polling: PollTiming
  /** Troubles with connections, which are made anew by themselves. */
  onError(error: unknown): void
  /** What was created at 0-0 cannot be recorded now; it is recorded as soon as the storage takes it. */
  onUnrecorded?: ((created: Unrecorded, error: LedgerUnavailable) => void) | undefined
  /** It is recorded at last. */
  onRecorded?: ((created: Unrecorded) => void) | undefined
  /** Called when a call has ended, for metrics. Each call has a name of its own, e.g. `idempotencyRecords.begin`. */
  onCall?: ((name: string, durationMs: number) => void) | undefined
}

export interface Registration<K extends Kind> {
  snapshot: Snapshot<K>
  origin: Origin<K>
  /** The bearer key to poll with. */
  credential: string
  /** The create that this is the outcome of. */
  idempotencyRecord?: IdempotencyRecordKey | undefined
}

/** Names what must not be forgotten while the storage fails, for the log. */
export type Unrecorded = Record<string, string | null>

/** The outcome of a create that was recorded by `register`: the key of what was created. */
export interface Created {
  key: string
}

/**
 * What this service remembers. Everything in it belongs to a tenant.
 * While its database is away every call fails with LedgerUnavailable, and nothing is written.
 */
export interface Ledger {
  /** The owner of a bearer key. */
  tenantOf(credential: string): string
  readonly notifier: ChangeNotifier
  readonly pollJobs: PollJobs
  readonly idempotencyRecords: IdempotencyRecords
  readonly tenantLocks: TenantLocks

  /** Remembers a resource from now on and has it polled until it settles; a settled one is left at that. */
  register<K extends Kind>(address: Address<K>, registration: Registration<K>): Promise<Resource<K>>
  /**
   * Records what was seen of a resource, with a transition when its status changed; nothing else changes a status.
   * What says the same as before writes nothing. Returns the resource as it is then known, or null, recording nothing,
   * when it is not registered.
   */
  observe<K extends Kind>(address: Address<K>, seen: Snapshot<K>): Promise<Resource<K> | null>
  find<K extends Kind>(address: Address<K>): Promise<Resource<K> | null>
  /** Newest first, at most `maxSize` a page. Throws PageError when there can be no such page. */
  list<K extends Kind>(
    tenant: string,
    kind: K,
    filter: ResourceFilter,
    request: PageRequest,
    maxSize: number,
  ): Promise<Page<Resource<K>>>
  /** Every resource whose parent has this key, oldest first. */
  children<K extends Kind>(tenant: string, kind: K, parent: string): Promise<Resource<K>[]>
  /** The transitions of one resource later than `seq`, in order. They are kept until pruned. */
  transitionsAfter<K extends Kind>(address: Address<K>, seq: number): Promise<Transition<K>[]>
  /** How many resources are being polled, by all processes. */
  countPollJobs(): Promise<number>
  /** Forgets the transitions and creates from before `time`. */
  prune(time: Date): Promise<void>
  /**
   * What `write` gives, repeated for as long as the storage fails: for what was sent to 0-0. Throws LedgerUnavailable
   * after `stopRetrying`, and any other failure at once.
   */
  persist<T>(created: Unrecorded, write: () => Promise<T>): Promise<T>
  /** Ends every `persist` after one more attempt. */
  stopRetrying(): void
  /** Whether the database can be read and written now. */
  isReachable(): Promise<boolean>
  close(): Promise<void>
}

/** Opens the ledger, bringing its database to the newest shape first. */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const { dataDir, databaseUrl, secret, polling, onError, onUnrecorded, onRecorded, onCall } =
    options
  const database = await openDatabase({ dataDir, databaseUrl, onError })
  const secrets = createSecrets(secret ?? loadOrMakeSecret(dataDir))
  await migrate(database)
  const health = createStorageHealth(database)
  const stopping = new AbortController()
  const notifier = createChangeNotifier()
  const pollJobs = createPollJobs({ database, secrets, onRecorded: announce })
  const stopListening = await listen()

  /** Only PostgreSQL has others to hear from; its driver is not even loaded for SQLite. */
  async function listen(): Promise<() => Promise<void>> {
    if (databaseUrl === undefined) return async () => {}
    const { listenForNotifications } = await import('./postgres-listener.ts')
    return listenForNotifications(databaseUrl, notifier, onError)
  }

  /** Notifies this process after the commit. PostgreSQL notifies the others within the transaction. */
  function announce(row: Row): void {
    const { tenant, key, parent } = row
    const kind = row.kind as Kind
    notifier.send({ tenant, kind, key, parent })
    // A task that waits for this asset may be due now.
    if (kind === 'asset' && row.settled === 1) pollJobs.added()
  }

  const typedErrors = <Calls extends object>(calls: Calls) =>
    withTypedErrors(calls, health.onUnavailable)

  /** For calls after which something is sent to 0-0 that must be recorded. */
  const whenWritable =
    <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) =>
    async (...args: Args) => {
      await health.ensureWritable()
      return call(...args)
    }

  const calls = {
    async register<K extends Kind>(address: Address<K>, registration: Registration<K>) {
      const { snapshot, origin, credential, idempotencyRecord } = registration
      const row = await database.transaction().execute(async (trx) => {
        const inserted = await insert(trx, address, snapshot, origin)
        const known = inserted ?? (await findRow(trx, address))
        if (!known) throw new Error('A resource vanished while it was registered.')
        const row = inserted ?? (await update(trx, known, snapshot))
        if (idempotencyRecord)
          await finishWithin(trx, idempotencyRecord, { key: row.key } satisfies Created)
        if (isTerminal(address.kind, row.status as Status)) return row
        const polled = address as Address<PolledKind>
        const what = { snapshot: snapshot as Snapshot<PolledKind>, origin, credential }
        await addPollJob(trx, secrets, polled, what, polling)
        return reopen(trx, row)
      })
      announce(row)
      if (row.settled === 0) pollJobs.added()
      return resourceOf<K>(row)
    },

    async observe<K extends Kind>(address: Address<K>, seen: Snapshot<K>) {
      // Most of what is read was never registered, or has not changed: that takes no transaction and writes nothing.
      const known = await findRow(database, address)
      if (!known || !nextSnapshot(known, seen)) return known && resourceOf<K>(known)
      const { before, after } = await database.transaction().execute(async (trx) => {
        const before = await findRow(trx, address)
        return { before, after: before && (await update(trx, before, seen)) }
      })
      if (after && after.seq !== before?.seq) announce(after)
      return after && resourceOf<K>(after)
    },

    async find<K extends Kind>(address: Address<K>) {
      const row = await findRow(database, address)
      return row && resourceOf<K>(row)
    },

    list: async <K extends Kind>(
      tenant: string,
      kind: K,
      filter: ResourceFilter,
      request: PageRequest,
      maxSize: number,
    ) => {
      const cursors = secrets.cursorsOf(tenant, kind)
      const page = { ...pageBounds(request, maxSize, cursors), cursors }
      return listResources(database, tenant, kind, filter, page, typedErrors)
    },
    children: <K extends Kind>(tenant: string, kind: K, parent: string) =>
      listChildren(database, tenant, kind, parent),
    transitionsAfter: <K extends Kind>(address: Address<K>, seq: number) =>
      transitionsAfter(database, address, seq),
    countPollJobs: () => countPollJobs(database),
    prune: (time: Date) => prune(database, time),
  }

  const idempotencyRecords = createIdempotencyRecords(database)
  const guardedRecords = { ...idempotencyRecords, begin: whenWritable(idempotencyRecords.begin) }
  const guardedPollJobs = { ...pollJobs, markSent: whenWritable(pollJobs.markSent) }
  return {
    ...timed('', typedErrors(calls), onCall),
    pollJobs: timed('pollJobs.', typedErrors(guardedPollJobs), onCall),
    idempotencyRecords: timed('idempotencyRecords.', typedErrors(guardedRecords), onCall),
    tenantLocks: timed('tenantLocks.', typedErrors(createTenantLocks(database)), onCall),
    tenantOf: secrets.tenantOf,
    notifier,

    persist: (created, write) =>
      persist(write, {
        signal: stopping.signal,
        onWaiting: (error) => onUnrecorded?.(created, error),
        onRecovered: () => onRecorded?.(created),
      }),
    stopRetrying: () => stopping.abort(),
    isReachable: health.isWritable,

    async close() {
      await stopListening()
      await database.destroy()
    },
  }
}

/** The same calls; the asynchronous ones are reported as `prefix` and their name when they have ended. */
function timed<Calls extends object>(
  prefix: string,
  calls: Calls,
  onCall: LedgerOptions['onCall'],
): Calls {
  if (!onCall) return calls
  const reporting = Object.entries(calls).map(([name, call]) => [
    name,
    (...args: unknown[]) => {
      const startedAt = performance.now()
      const result = call(...args)
      if (!(result instanceof Promise)) return result
      return result.finally(() => onCall(prefix + name, performance.now() - startedAt))
    },
  ])
  return Object.fromEntries(reporting)
}
