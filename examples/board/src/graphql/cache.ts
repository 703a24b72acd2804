import { type Cache, cacheExchange, type Data, type DataField } from '@urql/exchange-graphcache'
import { relayPagination } from '@urql/exchange-graphcache/extras'
import type { Exchange } from 'urql'
import { possibleTypes } from '../gql/possible-types.ts'
import { placeInLists } from './place-in-lists.ts'

/**
 * Creates the normalised cache. Everything with an `id` is stored once, so a change of a task reaches
 * every list and panel that shows it. Lists do not know about new entities: the updates below put
 * what a create returns and what `changes` sends into the lists.
 */
export function createCache(): Exchange {
  return cacheExchange({
    possibleTypes,
    // Objects without an `id` of their own belong to the field that has them.
    keys: Object.fromEntries(EMBEDDED.map((type) => [type, () => null])),
    resolvers: {
      Query: {
        assets: relayPagination(),
        videoTasks: relayPagination(),
        // What a list has loaded needs no second request.
        asset: (_root, { id }) => ({ __typename: 'Asset', id }),
        videoTask: (_root, { id }) => ({ __typename: 'VideoTask', id }),
      },
    },
    updates: {
      Mutation: {
        createAssetGroup: ({ createAssetGroup }, _args, cache) => update(cache, createAssetGroup),
        createAssets: ({ createAssets }, _args, cache) => update(cache, createAssets),
        createVideoTask: ({ createVideoTask }, _args, cache) => update(cache, createVideoTask),
        createVideoFromUrls: ({ createVideoFromUrls }, _args, cache) =>
          update(cache, createVideoFromUrls),
      },
      Subscription: {
        changes: ({ changes }, _args, cache) =>
          isEntity(changes) && update(cache, changes.node, changes.isNew === true),
      },
    },
  })
}

/** Puts the result of a field, or each of its results, into the lists. */
function update(cache: Cache, result: DataField | undefined, isNew = true): void {
  if (Array.isArray(result)) for (const one of result) update(cache, one, isNew)
  else if (isEntity(result)) placeInLists(cache, result, isNew)
}

function isEntity(value: DataField | undefined): value is Data {
  return typeof value === 'object' && value !== null && '__typename' in value
}

const EMBEDDED = [
  'AssetConnection',
  'AssetGroupConnection',
  'Change',
  'Failure',
  'InputIssue',
  'IntRange',
  'PageInfo',
  'TimelineEvent',
  'UsageSummary',
  'Video',
  'VideoModelDefaults',
  'VideoResource',
  'VideoTaskConnection',
  'VideoTaskPreview',
  'VideoUsage',
  ...possibleTypes.Error,
]
