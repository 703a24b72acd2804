import { readdirSync, readFileSync } from 'node:fs'
import { parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { tabs } from '../src/http/graphiql-tabs.ts'
import { schema } from '../src/schema/index.ts'

const folder = new URL('../examples/', import.meta.url)

test.for(readdirSync(folder))('examples/%s asks what the schema has', (name) => {
  const query = readFileSync(new URL(name, folder), 'utf8')

  expect(validate(schema, parse(query))).toEqual([])
})

test('the tabs of GraphiQL ask what the schema has, and leave no key in them but the sandbox its own', () => {
  const queries = tabs('http://127.0.0.1:4010').map(({ query }) => query ?? '')

  for (const query of queries) expect(validate(schema, parse(query))).toEqual([])
  expect(tabs('http://127.0.0.1:4010')[1]?.variables).toContain('4010/samples/portrait.png')
  expect(tabs(null)[0]?.headers).toContain('YOUR-0-0-API-KEY')
})
