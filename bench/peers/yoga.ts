import { createServer } from 'node:http'
import DataLoader from 'dataloader'
import { createSchema, createYoga } from 'graphql-yoga'
import { get, type UpstreamAsset, type UpstreamGroup } from './upstream-get.ts'

/** A plain GraphQL Yoga server with a DataLoader for each request, as its manual recommends. */
interface Context {
  request: Request
  loaders: {
    asset: DataLoader<string, UpstreamAsset>
    group: DataLoader<string, UpstreamGroup>
  }
}

const schema = createSchema<Context>({
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
      asset: (_root: unknown, { id }: { id: string }, { loaders }) => loaders.asset.load(id),
    },
    Asset: {
      assetId: (asset: UpstreamAsset) => asset.asset_id,
      status: (asset: UpstreamAsset) => asset.status.toUpperCase(),
      createdAt: (asset: UpstreamAsset) => new Date(asset.created_at * 1_000).toISOString(),
      group: (asset: UpstreamAsset, _args: unknown, { loaders }) =>
        loaders.group.load(asset.group_id),
    },
    AssetGroup: { groupId: (group: UpstreamGroup) => group.group_id },
  },
})

const yoga = createYoga({
  schema,
  logging: false,
  context: ({ request }) => {
    const authorization = request.headers.get('authorization') ?? ''
    const loader = <T>(path: string) =>
      new DataLoader((ids: readonly string[]) =>
        Promise.all(ids.map((id) => get<T>(`${path}/${id}`, authorization))),
      )
    return { loaders: { asset: loader('/assets'), group: loader('/asset-groups') } }
  },
})

createServer(yoga).listen(Number(process.env.PORT), '127.0.0.1')
