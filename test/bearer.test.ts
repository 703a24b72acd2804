import { expect, test } from 'vitest'
import { createAuthenticate } from '../src/auth/authenticate.ts'

const tenantOf = (name: string) => `tenant of ${name}`
const passThrough = createAuthenticate({ config: { mode: 'PASS_THROUGH' }, tenantOf })

test.for<[authorization: string, credential: string]>([
  ['Bearer sk-a', 'sk-a'],
  ['bearer sk-a', 'sk-a'],
  ['BEARER sk-a', 'sk-a'],
  ['Bearer    sk-a', 'sk-a'],
  ['  Bearer sk-a  ', 'sk-a'],
  ['Bearer A-z0.9_~+/', 'A-z0.9_~+/'],
  ['Bearer c2s=', 'c2s='],
  ['Bearer c2s==', 'c2s=='],
])('the key of "%s" is %s', async ([authorization, credential]) => {
  expect(await passThrough(authorization)).toEqual({
    tenant: `tenant of ${credential}`,
    credential,
    isShared: false,
    expiresAt: null,
  })
})

test.for([
  null,
  '',
  'Bearer',
  'Bearer ',
  'sk-a',
  'Bearersk-a',
  'Basic sk-a',
  'x Bearer sk-a',
  'Bearer sk a',
  'Bearer sk-a, Bearer sk-b',
  'Bearer =',
  'Bearer s=k',
  'Bearer sk-é',
  'Bearer "sk-a"',
])('there is no key in "%s"', async (authorization) => {
  expect(await passThrough(authorization).catch(() => null)).toBeNull()
})

test('in anonymous mode all requests have the same tenant, with or without a key', async () => {
  const anonymous = createAuthenticate({
    config: { mode: 'ANONYMOUS', upstreamApiKey: 'sk-held' },
    tenantOf,
  })

  const identity = {
    tenant: 'tenant of ["anonymous"]',
    credential: 'sk-held',
    isShared: false,
    expiresAt: null,
  }
  expect(await anonymous(null)).toEqual(identity)
  expect(await anonymous('Bearer sk-a')).toEqual(identity)
})
