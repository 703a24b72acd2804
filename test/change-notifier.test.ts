import { expect, test } from 'vitest'
import {
  createChangeNotifier,
  decodeNotification,
  encodeNotification,
  type Notification,
} from '../src/ledger/change-notifier.ts'

const asset: Notification = {
  tenant: 't',
  kind: 'asset',
  key: 'JIMENG:Asset-1',
  parent: 'JIMENG:group-1',
}
const group = { tenant: 't', kind: 'assetGroup', key: 'JIMENG:group-1' } as const

/** Registers one listener per target. `heard` has the keys that each listener received. */
function listening(...targets: Parameters<ReturnType<typeof createChangeNotifier>['listen']>[0][]) {
  const notifier = createChangeNotifier()
  const heard = targets.map(() => [] as (string | null)[])
  const leaves = targets.map((target, index) =>
    notifier.listen(target, (key) => void heard[index]?.push(key)),
  )
  return { notifier, heard, leaves }
}

test('listeners of an entity and of its group receive the key of the entity', () => {
  const { notifier, heard } = listening(
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

  notifier.send(asset)

  expect(heard.map((keys) => keys.length)).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 0])
  expect(heard.flat()).toEqual(Array(3).fill(asset.key))
})

test('a notification without a group reaches only the listeners of the entity', () => {
  const { notifier, heard } = listening(asset, group)

  notifier.send({ ...asset, parent: null })

  expect(heard).toEqual([[asset.key], []])
})

test('after an interruption every listener is called with null', () => {
  const { notifier, heard } = listening(asset, asset, group)

  notifier.sendAll()

  expect(heard).toEqual([[null], [null], [null]])
})

test('a removed listener is not called, and removing it twice is safe', () => {
  const { notifier, heard, leaves } = listening(asset, asset, group)
  const [leaveFirst, leaveSecond, leaveGroup] = leaves

  leaveFirst?.()
  leaveFirst?.()
  const size = notifier.size
  notifier.send(asset)
  leaveSecond?.()
  leaveGroup?.()
  notifier.send(asset)
  notifier.sendAll()
  const again: (string | null)[] = []
  notifier.listen(asset, (key) => again.push(key))
  leaveSecond?.()
  notifier.send(asset)

  expect(size).toBe(2)
  expect(heard).toEqual([[], [asset.key], [asset.key]])
  expect(again).toEqual([asset.key])
  expect(notifier.size).toBe(1)
})

test('notifications are counted', () => {
  const { notifier } = listening()
  const counts = [notifier.count]

  notifier.send(asset)
  counts.push(notifier.count)
  notifier.sendAll()
  counts.push(notifier.count)

  expect(counts).toEqual([0, 1, 2])
})

test('a notification is the same after encoding and decoding', () => {
  expect(decodeNotification(encodeNotification(asset))).toEqual(asset)
  expect(decodeNotification(encodeNotification({ ...asset, parent: null }))).toEqual({
    ...asset,
    parent: null,
  })
})

test('listeners of a tenant are called for each of its entities, and when notifications may be lost', () => {
  const notifier = createChangeNotifier()
  const heard: string[] = []
  const leave = notifier.listenToTenant('t', () => void heard.push('t'))
  notifier.listenToTenant('u', () => void heard.push('u'))

  notifier.send(asset)
  notifier.send({ ...asset, kind: 'videoTask', key: 'cgt-1', parent: null })
  notifier.sendAll()
  leave()
  leave()
  notifier.send(asset)

  expect(heard).toEqual(['t', 't', 't', 'u'])
  expect(notifier.size).toBe(1)
})
