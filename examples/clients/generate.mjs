// Generates the types of the operations: shared/gql and fetch/gql with GraphQL Code Generator, relay/__generated__ with
// the compiler of Relay. Prints nothing unless it fails. Runs on every version of Node that npm runs on.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSchema, introspectionFromSchema, isAbstractType } from 'graphql'

const clients = fileURLToPath(new URL('.', import.meta.url))
const root = join(clients, '..', '..')
const packages = join(root, 'node_modules')
const ownNode = join(packages, '.bin', 'node')
const node = existsSync(ownNode) ? ownNode : process.execPath

for (const folder of ['shared/gql', 'fetch/gql', 'relay/__generated__']) {
  rmSync(join(clients, folder), { recursive: true, force: true })
  mkdirSync(join(clients, folder))
}
run(
  clients,
  join(packages, '@graphql-codegen/cli/cjs/bin.js'),
  '--config',
  'codegen.ts',
  '--silent',
)
// The compiler adds documents to this file and expects that it exists.
writeFileSync(join(clients, 'relay/__generated__/persisted-documents.json'), '{}')
run(join(clients, 'relay'), join(packages, 'relay-compiler/cli.js'), 'relay.config.json')
writeSchemaForCaches()

/** Writes what the caches of Apollo Client and urql must know about the schema. */
function writeSchemaForCaches() {
  const schema = buildSchema(readFileSync(join(root, 'schema.graphql'), 'utf8'))
  // #region possible-types
  const abstractTypes = Object.values(schema.getTypeMap()).filter(isAbstractType)
  const possibleTypes = Object.fromEntries(
    abstractTypes.map((type) => [type.name, schema.getPossibleTypes(type).map(({ name }) => name)]),
  )
  // #endregion
  const introspection = introspectionFromSchema(schema, { descriptions: false })
  writeFileSync(
    join(clients, 'shared/gql/schema.ts'),
    `// @ts-nocheck: the object is too large to compare with its type.
import type { IntrospectionQuery } from 'graphql'

export const possibleTypes: Record<string, string[]> = ${JSON.stringify(possibleTypes)}
export const introspection: IntrospectionQuery = ${JSON.stringify(introspection)}
`,
  )
}

/** Runs a script. Shows its output and ends this process when the script fails. */
function run(cwd, script, ...args) {
  const { status, error, stdout, stderr } = spawnSync(node, [script, ...args], {
    cwd,
    encoding: 'utf8',
  })
  if (status === 0) return
  console.error(`${script} failed:\n${error ?? `${stdout}${stderr}`}`)
  process.exit(1)
}
