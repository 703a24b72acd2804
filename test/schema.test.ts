import { readFileSync } from 'node:fs'
import { isEnumType, isInputObjectType, isInterfaceType, isObjectType } from 'graphql'
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
