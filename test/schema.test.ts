import { readFileSync } from 'node:fs'
import {
  type GraphQLScalarType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
} from 'graphql'
import { expect, test } from 'vitest'
import { schema } from '../src/schema/index.ts'
import { printedSchema } from '../src/schema/print.ts'

test('schema.graphql matches the code (`npm run schema` writes it)', () => {
  const file = new URL('../schema.graphql', import.meta.url)

  expect(readFileSync(file, 'utf8')).toBe(printedSchema())
})

test('every type, field, argument and enum value has a description', () => {
  const types = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith('__'))
  const builtIn = new Set(['String', 'Int', 'Float', 'Boolean', 'ID'])

  const parts: { name: string; description?: string | null | undefined }[] = []
  for (const type of types) {
    if (!builtIn.has(type.name)) parts.push(type)
    if (isEnumType(type)) parts.push(...type.getValues())
    if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) {
        parts.push({ ...field, name: `${type.name}.${field.name}` })
        if ('args' in field) {
          for (const { name, description } of field.args) {
            parts.push({ name: `${type.name}.${field.name}(${name})`, description })
          }
        }
      }
    }
  }

  expect(parts.length).toBeGreaterThan(200)
  expect(parts.filter(({ description }) => !description).map(({ name }) => name)).toEqual([])
})

test('the schema has a description, and every scalar a link to its specification', () => {
  const scalars = Object.values(schema.getTypeMap())
    .filter(isScalarType)
    .filter((type) => !isSpecifiedScalarType(type))

  expect(scalars.map(({ name }) => name).sort()).toEqual(['DateTime', 'JSONObject', 'URL'])
  for (const { specifiedByURL } of scalars) expect(specifiedByURL).toMatch(/^https:/)
  expect(printedSchema()).toMatch(/^"""\nVideo generation with 0-0[\s\S]+?"""\nschema \{\n/)
  expect(printedSchema()).toContain('scalar DateTime @specifiedBy(url: "https://scalars.')
})

test.for([
  ['2026-04-30T02:40:00Z', '2026-04-30T02:40:00.000Z'],
  ['2026-04-30t04:40:00.5+02:00', '2026-04-30T02:40:00.500Z'],
  ['2026-04-30', null],
  ['2026-04-30T02:40:00', null],
  ['2026-13-30T02:40:00Z', null],
  ['30 April 2026', null],
  [1_777_516_800_000, null],
] as const)('the DateTime %s is read as %s', ([value, expected]) => {
  const type = schema.getType('DateTime') as GraphQLScalarType<Date>
  const parse = () => type.parseValue(value).toISOString()

  if (expected === null) expect(parse).toThrow('Not a date and time with an offset')
  else expect(parse()).toBe(expected)
})
