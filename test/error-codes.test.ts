import { globSync, readFileSync } from 'node:fs'
import { type GraphQLEnumType, isEnumType } from 'graphql'
import { expect, test } from 'vitest'
import { ERROR_CODES, errorHelpOf } from '../src/model/error-codes.ts'
import { schema } from '../src/schema/index.ts'
import { startApp } from './support/app.ts'

const ROOT = new URL('..', import.meta.url).pathname
const CODES = ERROR_CODES.map(({ code }) => code)

/** Values of `code` in data: of Failure, and of Zod's issues. They are never in the extensions of an error. */
const OTHER_CODES = ['ASSET_FAILED', 'DEADLINE']

test('errorCodes lists every code without credentials', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

  const { data } = await app.query('{ errorCodes { code meaning retryable hint } }', {}, null)

  expect(data?.errorCodes).toEqual(ERROR_CODES)
  expect(data?.errorCodes).toContainEqual({
    code: 'IDEMPOTENCY_CONFLICT',
    meaning: 'The idempotency key was used before with another input.',
    retryable: false,
    hint: 'Use a new idempotency key for a new input.',
  })
})

test('every value of ErrorCode is in the table, with its meaning as description', () => {
  const type = schema.getType('ErrorCode')

  expect(isEnumType(type)).toBe(true)
  for (const { name, description } of (type as GraphQLEnumType).getValues()) {
    expect(ERROR_CODES).toContainEqual(
      expect.objectContaining({ code: name, meaning: description }),
    )
  }
})

test.for([
  ['this service', 'src/**/*.ts', 15],
  ['Yoga', 'node_modules/graphql-yoga/esm/**/*.js', 4],
  ['graphql-tools', 'node_modules/@graphql-tools/executor/esm/**/*.js', 1],
] as const)('every code in the sources of %s is in the table', ([, pattern, least]) => {
  const files = globSync(pattern, { cwd: ROOT }).filter((file) => !file.startsWith('src/sandbox/'))
  const sources = files.map((file) => readFileSync(`${ROOT}${file}`, 'utf8'))
  const found = new Set(
    sources.flatMap((source) => [...source.matchAll(CODE)].map(([, code = '']) => code)),
  )

  expect(found.size).toBeGreaterThanOrEqual(least)
  expect([...found].filter((code) => !CODES.includes(code) && !OTHER_CODES.includes(code))).toEqual(
    [],
  )
})

/** A code as a property, or as an argument of the functions that create errors. */
const CODE = /(?:\bcode: |\bwithCode\(\w+, |\bnotAdmitted\(\s*|UpstreamError\()'([A-Z][A-Z_]+)'/g

test('docs/errors.md has one row for each code, with its anchor', () => {
  const text = readFileSync(`${ROOT}docs/errors.md`, 'utf8')
  const rows = text.split('\n').filter((line) => line.startsWith('| <a id='))

  const expected = ERROR_CODES.map(({ code, meaning, retryable, hint }) => {
    const anchor = errorHelpOf(code)?.docs.replace('docs/errors.md#', '')
    return `| <a id="${anchor}"></a>\`${code}\` | ${meaning} | ${retryable ? 'yes' : 'no'} | ${hint} |`
  })
  expect(rows).toEqual(expected)
})
