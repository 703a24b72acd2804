import { createServer } from 'node:http'
import { createSchema, createYoga } from 'graphql-yoga'
import { request } from 'undici'

/**
 * The server that ZeroGraph is compared with: the same fields without batching or caching. It uses undici like ZeroGraph,
 * so that the HTTP client is the same in both.
 */
const UPSTREAM_URL = process.env.UPSTREAM_URL

interface Asset {
  asset_id: string
  group_id: string
  name: string
  status: string
  url: string
  created_at: number
}

async function get(path: string, incoming: Request): Promise<unknown> {
  const { body } = await request(`${UPSTREAM_URL}/v1${path}?platform=JIMENG&model=seedance-2-0`, {
    headers: { authorization: incoming.headers.get('authorization') ?? '' },
  })
  const { code, msg, data } = (await body.json()) as { code: number; msg: string; data: unknown }
  if (code !== 200) throw new Error(msg)
  return data
}

const schema = createSchema<{ request: Request }>({
  typeDefs: `
    enum AssetStatus { PROCESSING ACTIVE FAILED }
    type AssetGroup { groupId: ID! name: String }
    type Asset {
      assetId: ID!
      name: String
      status: AssetStatus!
      url: String
      createdAt: String
      group: AssetGroup
    }
    type Query { asset(id: ID!): Asset }
  `,
  resolvers: {
    Query: {
      asset: (_root: unknown, { id }: { id: string }, context) =>
        get(`/assets/${id}`, context.request),
    },
    Asset: {
      assetId: (asset: Asset) => asset.asset_id,
      status: (asset: Asset) => asset.status.toUpperCase(),
      createdAt: (asset: Asset) => new Date(asset.created_at * 1_000).toISOString(),
      group: (asset: Asset, _args: unknown, context) =>
        get(`/asset-groups/${asset.group_id}`, context.request),
    },
    AssetGroup: { groupId: (group: { group_id: string }) => group.group_id },
  },
})

createServer(createYoga({ schema, logging: false })).listen(Number(process.env.PORT), '127.0.0.1')
