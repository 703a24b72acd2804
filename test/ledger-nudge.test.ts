import { expect, test } from 'vitest'
import { createNudges, decodeNudge, encodeNudge, type Nudge } from '../src/ledger/nudges.ts'

const asset: Nudge = { tenant: 't', kind: 'asset', key: 'JIMENG:Asset-1', parent: 'JIMENG:group-1' }
const group = { tenant: 't', kind: 'assetGroup', key: 'JIMENG:group-1' } as const

/** What a listener for each of these targets has heard. */
function listening(...targets: Parameters<ReturnType<typeof createNudges>['listen']>[0][]) {
  const nudges = createNudges()
  const heard = targets.map(() => [] as (string | null)[])
  const leaves = targets.map((target, index) =>
    nudges.listen(target, (key) => void heard[index]?.push(key)),
  )
  return { nudges, heard, leaves }
}

test('a change is told to those who listen to the resource and to its group, with the key of the resource', () => {
  const { nudges, heard } = listening(
    asset,
    asset,
    group,
    { ...asset, tenant: 'u' },
    { ...asset, kind: 'videoTask' },
    { ...asset, key: 'JIMENG:Asset-2' },
    { ...group, tenant: 'u' },
    { ...group, key: 'JIMENG:group-2' },
    { ...group, kind: 'asset' },
  )

  nudges.send(asset)

  expect(heard.map((keys) => keys.length)).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 0])
  expect(heard.flat()).toEqual(Array(3).fill(asset.key))
})

test('what has no group is told to its own listeners alone', () => {
  const { nudges, heard } = listening(asset, group)

  nudges.send({ ...asset, parent: null })

  expect(heard).toEqual([[asset.key], []])
})

test('after an interruption everybody is told to look', () => {
  const { nudges, heard } = listening(asset, asset, group)

  nudges.sendAll()

  expect(heard).toEqual([[null], [null], [null]])
})

test('who has left hears nothing, and leaving twice is leaving once', () => {
  const { nudges, heard, leaves } = listening(asset, asset, group)
  const [leaveFirst, leaveSecond, leaveGroup] = leaves

  leaveFirst?.()
  leaveFirst?.()
  const size = nudges.size
  nudges.send(asset)
  leaveSecond?.()
  leaveGroup?.()
  nudges.send(asset)
  nudges.sendAll()
  const again: (string | null)[] = []
  nudges.listen(asset, (key) => again.push(key))
  leaveSecond?.()
  nudges.send(asset)

  expect(size).toBe(2)
  expect(heard).toEqual([[], [asset.key], [asset.key]])
  expect(again).toEqual([asset.key])
  expect(nudges.size).toBe(1)
})

test('nudges are counted, so that reads before and after one are told apart', () => {
  const { nudges } = listening()
  const counts = [nudges.count]

  nudges.send(asset)
  counts.push(nudges.count)
  nudges.sendAll()
  counts.push(nudges.count)

  expect(counts).toEqual([0, 1, 2])
})

test('a nudge passes through text as it is', () => {
  expect(decodeNudge(encodeNudge(asset))).toEqual(asset)
  expect(decodeNudge(encodeNudge({ ...asset, parent: null }))).toEqual({ ...asset, parent: null })
})
