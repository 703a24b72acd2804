import { expect, test } from 'vitest'
import { createSharedReads } from '../src/resolvers/shared-reads.ts'
import { until } from './support/app.ts'
import { assetSeen, openTestLedger, registerAsset } from './support/ledger.ts'

test('changes are not shared for long, because a URL gets a new signature without a notification', async () => {
  const ledger = await openTestLedger()
  const ref = await registerAsset(ledger)
  const sign = (signature: string) =>
    ledger.recordObservation(ref, assetSeen('PROCESSING', { url: `https://a.test/?${signature}` }))
  await sign('one')
  const { changesAfter } = createSharedReads(ledger)
  const first = await changesAfter(ref.tenant, 0)

  await sign('two')

  expect(await changesAfter(ref.tenant, 0)).toBe(first)
  await until(async () => {
    const { changes } = await changesAfter(ref.tenant, 0)
    return changes.every(({ entity }) => JSON.stringify(entity.snapshot).includes('?two'))
  })
})
