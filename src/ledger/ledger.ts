import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Kysely, SqliteDialect, sql } from 'kysely'
import { migrate } from './migrations.ts'
import { openNodeSqlite } from './node-sqlite.ts'
import { createNudges, type Nudges } from './nudges.ts'
import { findRow, insert, parentOf, reopen, resourceOf, update } from './observe.ts'
import { cursorOf, type Page, type PageRequest, pageBounds } from './page.ts'
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
import type { Tables } from './tables.ts'
import {
  addWatch,
  createWatches,
  type WatchedKind,
  type Watches,
  type WatchTiming,
} from './watches.ts'

export interface LedgerOptions {
  /** Folder of the database file and of the generated secret; made when missing. */
  dataDir: string
  /** 32 bytes; when absent, the secret kept in `dataDir`. */
  secret?: Buffer | undefined
  watch: WatchTiming
}

export interface Registration<K extends Kind> {
  snapshot: Snapshot<K>
  origin: Origin<K>
  /** The bearer key to poll with. */
  credential: string
}

export interface ResourceFilter {
  parent?: string | null | undefined
  status?: string | null | undefined
  type?: string | null | undefined
}

/** What this service remembers. Everything in it belongs to a tenant. */
export interface Ledger {
  /** The owner of a bearer key. */
  tenantOf(credential: string): string
  readonly nudges: Nudges
  readonly watches: Watches

  /** Remembers a resource from now on and has it polled until it settles; a settled one is left at that. */
  register<K extends Kind>(address: Address<K>, registration: Registration<K>): Promise<Resource<K>>
  /**
   * The one door for statuses: records what was seen of a resource, with a transition when its status changed.
   * Gives the resource as it is then known, or null, recording nothing, when it is not registered.
   */
  observe<K extends Kind>(address: Address<K>, seen: Snapshot<K>): Promise<Resource<K> | null>
  find<K extends Kind>(address: Address<K>): Promise<Resource<K> | null>
  /** Newest first. Throws PageError when there can be no such page. */
  list<K extends Kind>(
    tenant: string,
    kind: K,
    filter: ResourceFilter,
    request: PageRequest,
  ): Promise<Page<Resource<K>>>
  /** Every resource whose parent has this key, oldest first. */
  children<K extends Kind>(tenant: string, kind: K, parent: string): Promise<Resource<K>[]>
  /** The transitions of one resource later than `seq`, in order. They are kept until pruned. */
  transitionsAfter<K extends Kind>(address: Address<K>, seq: number): Promise<Transition<K>[]>
  /** Forgets the transitions observed before `time`. */
  prune(time: Date): Promise<void>
  /** Whether the database answers now. */
  isReachable(): Promise<boolean>
  close(): Promise<void>
}

/** Opens the ledger in `dataDir`, bringing it to the newest shape first. */
export async function openLedger({ dataDir, secret, watch }: LedgerOptions): Promise<Ledger> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const secrets = createSecrets(secret ?? loadOrMakeSecret(dataDir))
  const database = new Kysely<Tables>({
    dialect: new SqliteDialect({ database: openNodeSqlite(join(dataDir, 'ledger.db')) }),
  })
  await migrate(database)
  const nudges = createNudges()
  const watches = createWatches({ database, secrets, nudges })

  return {
    tenantOf: secrets.tenantOf,
    nudges,
    watches,

    async register(address, { snapshot, origin, credential }) {
      const resource = await database.transaction().execute(async (trx) => {
        const row = await findRow(trx, address)
        const resource = row
          ? await update(trx, address, row, snapshot)
          : await insert(trx, address, snapshot, origin)
        if (isTerminal(address.kind, resource.snapshot.status)) return resource
        await addWatch(trx, secrets, address as Address<WatchedKind>, credential, watch)
        return reopen(trx, address, resource)
      })
      nudges.send({ ...address, parent: parentOf(address.kind, snapshot) })
      if (!resource.settled) watches.added()
      return resource
    },

    async observe(address, seen) {
      const outcome = await database.transaction().execute(async (trx) => {
        const row = await findRow(trx, address)
        if (!row) return null
        const resource = await update(trx, address, row, seen)
        return { resource, changed: resource.seq !== row.seq }
      })
      if (outcome?.changed) {
        nudges.send({ ...address, parent: parentOf(address.kind, seen) })
      }
      return outcome?.resource ?? null
    },

    async find(address) {
      const row = await findRow(database, address)
      return row && resourceOf(row)
    },

    async list(tenant, kind, { parent, status, type }, request) {
      const { limit, backward, after, before } = pageBounds(request)
      const matching = database
        .selectFrom('resource')
        .where('tenant', '=', tenant)
        .where('kind', '=', kind)
        .$if(parent != null, (query) => query.where('parent', '=', parent as string))
        .$if(status != null, (query) => query.where('status', '=', status as string))
        .$if(type != null, (query) => query.where('type', '=', type as string))
      const rows = await matching
        .selectAll()
        .$if(after !== null, (query) => query.where('position', '<', after as number))
        .$if(before !== null, (query) => query.where('position', '>', before as number))
        .orderBy('position', backward ? 'asc' : 'desc')
        .limit(limit + 1)
        .execute()

      const more = rows.length > limit
      const page = rows.slice(0, limit)
      if (backward) page.reverse()
      return {
        items: page.map((row) => ({ cursor: cursorOf(row.position), item: resourceOf(row) })),
        // Beyond a cursor there is at least the item it was handed out with.
        hasNextPage: backward ? before !== null : more,
        hasPreviousPage: backward ? more : after !== null,
        async totalCount() {
          const row = await matching
            .select(({ fn }) => fn.countAll().as('count'))
            .executeTakeFirstOrThrow()
          return Number(row.count)
        },
      }
    },

    async children(tenant, kind, parent) {
      const rows = await database
        .selectFrom('resource')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('kind', '=', kind)
        .where('parent', '=', parent)
        .orderBy('position')
        .execute()
      return rows.map((row) => resourceOf(row))
    },

    async transitionsAfter<K extends Kind>({ tenant, kind, key }: Address<K>, seq: number) {
      const rows = await database
        .selectFrom('transition')
        .innerJoin('resource', (join) =>
          join
            .onRef('resource.tenant', '=', 'transition.tenant')
            .onRef('resource.kind', '=', 'transition.kind')
            .onRef('resource.key', '=', 'transition.key'),
        )
        .selectAll('transition')
        .select('resource.origin')
        .where('transition.tenant', '=', tenant)
        .where('transition.kind', '=', kind)
        .where('transition.key', '=', key)
        .where('transition.seq', '>', seq)
        .orderBy('transition.seq')
        .execute()
      return rows.map((row) => ({
        previous: row.previous as Status<K> | null,
        current: row.current as Status<K>,
        resource: resourceOf<K>(row),
      }))
    },

    async prune(time) {
      const before = time.getTime()
      await database.deleteFrom('transition').where('observed_at', '<', before).execute()
      await database.deleteFrom('poll_budget').where('refilled_at', '<', before).execute()
    },

    async isReachable() {
      try {
        await sql`select 1`.execute(database)
        return true
      } catch {
        return false
      }
    },

    close: () => database.destroy(),
  }
}
