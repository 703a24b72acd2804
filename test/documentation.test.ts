import { globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { ERROR_CODES, errorHelpOf } from '../src/model/error-codes.ts'
import { schema } from '../src/schema/index.ts'

const ROOT = resolve(import.meta.dirname, '..')
const FILES = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md'], {
  cwd: ROOT,
  exclude: ['**/node_modules/**'],
}).sort()

test('the README has at most 200 lines', () => {
  expect(readFileSync(join(ROOT, 'README.md'), 'utf8').trimEnd().split('\n').length).toBeLessThan(
    201,
  )
})

test.for(FILES)('every relative link in %s leads to a file and to a heading in it', (file) => {
  const targets = linksOf(file).filter((target) => !/^[a-z]+:/.test(target))

  expect(targets.filter((target) => !exists(target, file))).toEqual([])
})

test('the docs link of every error leads to an anchor in its file', () => {
  const links = ERROR_CODES.map(({ code }) => errorHelpOf(code)?.docs ?? '')

  expect(links.length).toBeGreaterThan(20)
  expect(links.filter((link) => !exists(link, 'README.md'))).toEqual([])
})

test.for(FILES.filter((file) => operationsOf(file).length > 0))(
  'the GraphQL operations in %s are valid against the schema',
  (file) => {
    for (const operation of operationsOf(file)) {
      expect(validate(schema, parse(operation))).toEqual([])
    }
  },
)

test('every file in the table of behaviours in docs/architecture.md exists', () => {
  const [, table = ''] = textOf('docs/architecture.md').split('## Where to find a behaviour')
  const files = [...table.matchAll(/`([\w/-]+\.ts)`/g)].map(([, file = '']) => `src/${file}`)

  expect(files.length).toBeGreaterThan(40)
  expect(files.filter((file) => !isInRepository(file))).toEqual([])
})

/** The targets of the links and pictures of a Markdown file, without those in code. */
function linksOf(file: string): string[] {
  const text = textOf(file).replace(/`[^`\n]*`/g, '')
  const found = text.matchAll(/\]\(([^)\s]+)\)|\b(?:src|srcset|href)="([^"]+)"/g)
  return [...found].map(([, inline, html]) => inline ?? html ?? '')
}

/** The GraphQL blocks of a Markdown file. */
function operationsOf(file: string): string[] {
  const blocks = readFileSync(join(ROOT, file), 'utf8').matchAll(/^```graphql\n(.*?)^```/gms)
  return [...blocks].map(([, operation = '']) => operation)
}

/** Whether the target of a link in a file exists. A fragment must be a heading or an anchor. */
function exists(target: string, from: string): boolean {
  const [path = '', fragment] = target.split('#')
  const file = path === '' ? from : join(dirname(from), path)
  if (!isInRepository(file)) return false
  return fragment === undefined || anchorsOf(file).includes(fragment)
}

function isInRepository(path: string): boolean {
  return statSync(join(ROOT, path), { throwIfNoEntry: false }) !== undefined
}

/** The anchors of a Markdown file: explicit ones, and those that GitHub makes from headings. */
function anchorsOf(file: string): string[] {
  const text = textOf(file)
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  )
  return [...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)]
}

/** The text of a Markdown file without its blocks of code. */
function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8').replace(/^```.*?^```/gms, '')
}
