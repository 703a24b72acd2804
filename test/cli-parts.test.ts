import { execFile } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { buildSchema, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { CliError } from '../cli/cli-error.ts'
import { EXIT_CODE } from '../cli/exit-code.ts'
import { commandOf } from '../cli/interruption.ts'
import * as operations from '../cli/operations.ts'
import { createProgram } from '../cli/program.ts'
import { readVideoFiles } from '../cli/video-files.ts'
import { temporaryFolder } from './support/app.ts'

const schema = buildSchema(readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8'))

test.for(Object.entries(operations))(
  'the operation %s is valid against the schema',
  ([, { document }]) => {
    expect(validate(schema, parse(document))).toEqual([])
  },
)

test('the command line imports nothing of the service', () => {
  const folder = new URL('../cli/', import.meta.url)
  const imports = readdirSync(folder).flatMap((file) => [
    ...readFileSync(new URL(file, folder), 'utf8').matchAll(/(?:from|import\() ?'(\.[^']*)'/g),
  ])

  expect(imports.length).toBeGreaterThan(20)
  expect(imports.map(([, path]) => path).filter((path) => !path?.startsWith('./'))).toEqual([])
})

test('docs/cli.md has every command, option and exit code', () => {
  const docs = readFileSync(new URL('../docs/cli.md', import.meta.url), 'utf8')
  const program = createProgram([], () => {})
  const commands = [program, ...program.commands]
  const words = [
    ...program.commands.map((command) => `## ${command.name()}`),
    ...commands.flatMap(({ options }) => options.map(({ long }) => `\`${long}`)),
    ...Object.values(EXIT_CODE).map((code) => `| ${code} |`),
  ]

  const missing = words.filter((word) => !docs.includes(word))

  expect(words.length).toBeGreaterThan(30)
  expect(missing).toEqual(['`--version'])
})

const A = 'https://example.com/a.png?x=1'
const B = 'https://example.com/b.png'
const image = (url: string, role: string) => ({ url, type: 'IMAGE', role })

test.for([
  ['one image is the first frame', { image: [A] }, [image(A, 'FIRST_FRAME')]],
  [
    'a name before = is the name of the asset',
    { image: [`front.png=${A}`] },
    [{ ...image(A, 'FIRST_FRAME'), name: 'front.png' }],
  ],
  [
    'two images are the first and the last frame',
    { image: [A, B] },
    [image(A, 'FIRST_FRAME'), image(B, 'LAST_FRAME')],
  ],
  [
    'three images are references',
    { image: [A, B, A] },
    [image(A, 'REFERENCE'), image(B, 'REFERENCE'), image(A, 'REFERENCE')],
  ],
  [
    'an image beside a video and a sound is a reference',
    { image: [A], video: [B], audio: [B] },
    [
      image(A, 'REFERENCE'),
      { url: B, type: 'VIDEO', role: 'REFERENCE' },
      { url: B, type: 'AUDIO', role: 'REFERENCE' },
    ],
  ],
  [
    'roles can be given',
    { firstFrame: A, lastFrame: B },
    [image(A, 'FIRST_FRAME'), image(B, 'LAST_FRAME')],
  ],
] as const)('%s', ([, options, files]) => {
  expect(readVideoFiles(structuredClone(options) as object)).toEqual(files)
})

test.for(['a.png', 'front=a.png', 'ftp://example.com/a.png'])('%s is not a file', (text) => {
  expect(() => readVideoFiles({ image: [text] })).toThrow(CliError)
})

test('the command that goes on can be pasted into a shell', () => {
  expect(commandOf('make', '--prompt', "It's she", '--image', A)).toBe(
    `npx zerograph make --prompt 'It'\\''s she' --image '${A}'`,
  )
})

/** Starts a copy of the command line in `folder`. Returns its exit code and its standard error. */
async function runCopy(folder: string) {
  cpSync('cli', join(folder, 'cli'), { recursive: true })
  cpSync('package.json', join(folder, 'package.json'))
  const run = promisify(execFile)(process.execPath, [join(folder, 'cli/zerograph.js'), '--version'])
  return run.catch(({ code, stderr }) => ({ code, stderr }))
}

test('a copy below node_modules says that Node cannot run it there', async () => {
  const copy = await runCopy(join(temporaryFolder(), 'node_modules/zerograph'))

  expect(copy).toMatchObject({ code: 2, stderr: expect.stringContaining('Clone the project') })
})

test('a clone without packages says to run npm ci, and a link to a clone works', async () => {
  const folder = temporaryFolder()
  symlinkSync(process.cwd(), join(folder, 'link'))
  const linked = [join(folder, 'link/cli/zerograph.js'), '--version']

  expect(await runCopy(join(folder, 'clone'))).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('npm ci'),
  })
  expect((await promisify(execFile)(process.execPath, linked)).stderr).toBe('')
})
