import { expect, test } from 'vitest'
import { startApp } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

test('one asset named fifty times, each with its group, costs two upstream reads', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const fields = Array.from(
    { length: 50 },
    (_, index) => `a${index}: asset(id: "Asset-1") { status group { name } }`,
  )

  const { data, errors } = await app.query(`{ ${fields.join(' ')} }`)

  expect(errors).toBeUndefined()
  expect(data?.a49).toEqual({ status: 'ACTIVE', group: { name: 'Group group-1' } })
  expect(upstream.calls.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'GET /v1/assets/Asset-1',
    'GET /v1/asset-groups/group-1',
  ])
})
