import { expect, test } from 'vitest'
import { RequestError } from '../src/model/failure.ts'
import {
  getPlatformId,
  getVideoTaskId,
  parseGlobalId,
  parsePlatformId,
} from '../src/resolvers/ids.ts'

const LONGEST = 'x'.repeat(128)

test.for([
  ['Asset:JIMENG:Asset-ab12', { type: 'Asset', platform: 'JIMENG', id: 'Asset-ab12' }],
  ['AssetGroup:BYTEPLUS:group_1', { type: 'AssetGroup', platform: 'BYTEPLUS', id: 'group_1' }],
  ['VideoTask:cgt-1', { type: 'VideoTask', id: 'cgt-1' }],
  [`VideoTask:${LONGEST}`, { type: 'VideoTask', id: LONGEST }],
] as const)('%s is a global id', ([text, ref]) => {
  expect(parseGlobalId(text)).toEqual(ref)
})

test.for([
  '',
  ':',
  'Asset',
  'Asset:',
  'Asset-ab12',
  'Asset:Asset-1',
  'Asset:JIMENG',
  'Asset:JIMENG:',
  'Asset:JIMENG:a:b',
  'Asset:JIMENG:a/b',
  'Asset:JIMENG:..',
  'Asset:JIMENG: a',
  'Asset:JIMENG:a\n',
  'Asset:jimeng:a',
  'Asset:MARS:a',
  'Asset::a',
  'asset:JIMENG:a',
  'Group:JIMENG:a',
  'VideoTask',
  'VideoTask:',
  'VideoTask:JIMENG:a',
  'VideoTask:a:b',
  `VideoTask:${LONGEST}x`,
  `Asset:JIMENG:${LONGEST}x`,
  'Video:a',
])('%j is not a global id', (text) => {
  expect(parseGlobalId(text)).toBeNull()
})

test.for([
  ['Asset', 'Asset-1', { platform: 'BYTEPLUS', id: 'Asset-1' }],
  ['Asset', 'Asset:JIMENG:Asset-1', { platform: 'JIMENG', id: 'Asset-1' }],
  ['AssetGroup', 'AssetGroup:JIMENG:g', { platform: 'JIMENG', id: 'g' }],
  ['AssetGroup', 'VideoTask', { platform: 'BYTEPLUS', id: 'VideoTask' }],
  ['Asset', 'AssetGroup:JIMENG:g', null],
  ['AssetGroup', 'Asset:JIMENG:Asset-1', null],
  ['Asset', 'VideoTask:cgt-1', null],
  ['Asset', 'a.b', null],
  ['Asset', '', null],
] as const)('an %s id on BYTEPLUS: %j is parsed as %j', ([type, id, ref]) => {
  expect(parsePlatformId(type, id, 'BYTEPLUS')).toEqual(ref)
})

test('an id of another type is refused with the path of the argument and an example id', () => {
  const failureOf = (get: () => unknown) => {
    try {
      return get()
    } catch (error) {
      return (error as RequestError).failure
    }
  }
  const rest = 'or the id 0-0 uses: up to 128 letters, digits, "-" and "_".'

  expect(failureOf(() => getPlatformId('Asset', 'AssetGroup:JIMENG:g', 'JIMENG'))).toMatchObject({
    code: 'INVALID_INPUT',
    issues: [{ path: ['id'], message: `Not an id of type Asset. Give "Asset:JIMENG:…", ${rest}` }],
  })
  expect(failureOf(() => getPlatformId('AssetGroup', '.', 'JIMENG', ['ids', '3']))).toMatchObject({
    issues: [
      {
        path: ['ids', '3'],
        message: `Not an id of type AssetGroup. Give "AssetGroup:JIMENG:…", ${rest}`,
      },
    ],
  })
  expect(failureOf(() => getVideoTaskId('Asset:JIMENG:a'))).toMatchObject({
    issues: [
      { path: ['id'], message: `Not an id of type VideoTask. Give "VideoTask:cgt-ab12", ${rest}` },
    ],
  })
  expect(failureOf(() => getVideoTaskId('.', ['ids', '0']))).toMatchObject({
    issues: [{ path: ['ids', '0'] }],
  })
  expect(() => getVideoTaskId('.')).toThrow(RequestError)
})

test('a valid id is converted to the id that 0-0 uses', () => {
  expect(getPlatformId('Asset', 'Asset-1', 'BYTEPLUS')).toEqual({
    platform: 'BYTEPLUS',
    id: 'Asset-1',
  })
  expect(getVideoTaskId('cgt-1')).toBe('cgt-1')
  expect(getVideoTaskId('VideoTask:cgt-1')).toBe('cgt-1')
})
