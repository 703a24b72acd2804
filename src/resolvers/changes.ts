import type { Change, ChangeBatch } from '../ledger/changes.ts'
import type { Kind } from '../ledger/entity.ts'
import { PageError } from '../ledger/page-bounds.ts'
import { invalidInput } from '../model/failure.ts'
import { requireIdentity } from '../model/identity.ts'
import { UpstreamError } from '../upstream/upstream-error.ts'
import { assetOf } from './asset.ts'
import { assetGroupOf } from './asset-group.ts'
import type { Context } from './context.ts'
import { EventFeed, type FeedLifetime, type ReadResult } from './event-feed.ts'
import type { Node } from './node.ts'
import { renewLoaders } from './renew-loaders.ts'
import { videoTaskOf } from './video-task.ts'

/** An event of `changes`. */
export interface EntityChange {
  cursor: string
  kind: Kind
  isNew: boolean
  node: Node
  observedAt: Date
}

/** Creates the event for a change, and new loaders for the event. */
export function entityChange(change: Change, context: Context): EntityChange {
  renewLoaders(context)
  const { cursor, kind, isNew, changedAt } = change
  return { cursor, kind, isNew, node: nodeOf(change), observedAt: changedAt }
}

function nodeOf({ kind, entity }: Change): Node {
  switch (kind) {
    case 'assetGroup':
      return assetGroupOf(entity)
    case 'asset':
      return assetOf(entity)
    case 'videoTask':
      return videoTaskOf(entity)
  }
}

/**
 * Follows the registrations and changes of all entities of the caller's tenant. Begins after the change with the cursor
 * `after`; without it after the cursor that the request repeats, or else now. Does not complete.
 *
 * Throws INVALID_INPUT for an empty list of kinds and for a cursor that cannot be resumed. Throws UNAUTHENTICATED when
 * 0-0 has refused the caller's key, because a subscription without events would hide the error.
 */
export async function subscribeToChanges(
  kinds: readonly Kind[] | null,
  after: string | null,
  context: Context,
): Promise<EventFeed<Change>> {
  const { tenant, credential, expiresAt } = requireIdentity(context)
  if (kinds?.length === 0) {
    throw invalidInput([{ path: ['kinds'], message: 'Give at least one kind, or omit kinds.' }])
  }
  if (context.isKeyRefused(credential)) throw new UpstreamError('UNAUTHENTICATED')
  const { ledger, reads, signal } = context
  const cursor = after ?? context.lastEventId ?? null
  return openChangeFeed({
    kinds,
    listen: (listener) => ledger.notifier.listenToTenant(tenant, listener),
    start: () => startPosition(tenant, cursor, context),
    after: (position) => reads.changesAfter(tenant, position),
    signal,
    expiresAt,
  })
}

async function startPosition(
  tenant: string,
  cursor: string | null,
  { ledger: { changes } }: Context,
): Promise<number> {
  if (cursor === null) return changes.latest(tenant)
  try {
    return await changes.positionOf(tenant, cursor)
  } catch (error) {
    if (!(error instanceof PageError)) throw error
    throw invalidInput([{ path: [error.argument], message: error.message }])
  }
}

/** Options of `openChangeFeed`. */
export interface ChangeFeedOptions extends FeedLifetime {
  /** Null: all kinds. */
  kinds: readonly Kind[] | null
  /** Adds a listener for changes of the tenant. Returns the function that removes it. */
  listen(listener: () => void): () => void
  /** Reads the position to begin after. */
  start(): Promise<number>
  /** Reads the next changes after a position. */
  after(position: number): Promise<ChangeBatch>
}

/** Opens a feed of changes. Rejects when the start position cannot be read. */
export async function openChangeFeed(options: ChangeFeedOptions): Promise<EventFeed<Change>> {
  const feed = new ChangeFeed(options)
  await feed.open()
  return feed
}

/** Holds a position and at most one batch, however slow the subscriber is. */
class ChangeFeed extends EventFeed<Change> {
  readonly #options: ChangeFeedOptions
  #position = 0
  #mayHaveMore = true

  constructor(options: ChangeFeedOptions) {
    super(options)
    this.#options = options
  }

  /** The first `read` comes after this, so a change before the listener is added is not lost. */
  async open(): Promise<void> {
    const { start, listen } = this.#options
    await this.start(async () => {
      this.#position = await start()
    })
    this.onEnd(
      listen(() => {
        this.#mayHaveMore = true
        this.wake()
      }),
    )
  }

  protected override async read(): Promise<ReadResult> {
    if (!this.#mayHaveMore) return 'waiting'
    // Reset before reading, so that a notification during the read sets it again.
    this.#mayHaveMore = false
    try {
      const { kinds, after } = this.#options
      const { changes, position, hasMore } = await after(this.#position)
      this.ready.push(...changes.filter(({ kind }) => kinds === null || kinds.includes(kind)))
      this.#position = position
      this.#mayHaveMore ||= hasMore
    } catch (error) {
      this.#mayHaveMore = true
      throw error
    }
    return 'read'
  }
}
