import { expect, test, vi } from 'vitest'
import { rememberTokens } from '../src/auth/remember-tokens.ts'

const HOUR_MS = 3_600_000

function reader(expiresAt: () => number) {
  const read = vi.fn(async (token: string) => ({ tenant: token, expiresAt: expiresAt() }))
  return { read, remembered: rememberTokens(read) }
}

test('a token is verified once, and another token for itself', async () => {
  const { read, remembered } = reader(() => Date.now() + HOUR_MS)

  const tenants = [await remembered('a'), await remembered('a'), await remembered('b')]

  expect(tenants.map(({ tenant }) => tenant)).toEqual(['a', 'a', 'b'])
  expect(read.mock.calls).toEqual([['a'], ['b']])
})

test('a token is verified again after its expiry', async () => {
  const { read, remembered } = reader(() => Date.now() - 1)

  await remembered('a')
  await remembered('a')

  expect(read).toHaveBeenCalledTimes(2)
})

test('an error is not remembered', async () => {
  const { read, remembered } = reader(() => Date.now() + HOUR_MS)
  read.mockRejectedValueOnce(new Error('the keys cannot be loaded'))

  await expect(remembered('a')).rejects.toThrow('the keys cannot be loaded')
  expect(await remembered('a')).toMatchObject({ tenant: 'a' })
})
