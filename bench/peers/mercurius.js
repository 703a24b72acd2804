import fastify from 'fastify'
import mercurius from 'mercurius'
import { get } from './upstream-get.ts'

/** Mercurius with compiled documents (`jit`) and its loaders. */
const app = fastify()

app.register(mercurius, {
  schema: `
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
  // A document is compiled when it is executed for the second time.
  jit: 1,
  context: (request) => ({
    authorization: request.headers.authorization ?? '',
    groups: new Map(),
  }),
  resolvers: {
    Query: {
      asset: (_root, { id }, { authorization }) => get(`/assets/${id}`, authorization),
    },
    Asset: {
      assetId: (asset) => asset.asset_id,
      status: (asset) => asset.status.toUpperCase(),
      createdAt: (asset) => new Date(asset.created_at * 1_000).toISOString(),
    },
    AssetGroup: { groupId: (group) => group.group_id },
  },
  loaders: {
    Asset: {
      async group(queries, { authorization, groups }) {
        return Promise.all(
          queries.map(({ obj: { group_id: id } }) => {
            // The cache of Mercurius would ask once for each asset, because its key is the whole asset.
            const group = groups.get(id) ?? get(`/asset-groups/${id}`, authorization)
            groups.set(id, group)
            return group
          }),
        )
      },
    },
  },
})

await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
