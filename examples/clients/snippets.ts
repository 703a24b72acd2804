/**
 * Copies regions of source files into docs/clients.md:
 *
 *     node examples/clients/snippets.ts
 *
 * A code block after `<!-- apollo/client.ts#cache -->` has the lines between `// #region cache` and `// #endregion` of
 * examples/clients/apollo/client.ts. Without `#…` it has the whole file.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const SNIPPET = /^<!-- ([\w./-]+)(?:#([\w-]+))? -->\n```(\w+)\n[\s\S]*?^```$/gm

export const page = new URL('../../docs/clients.md', import.meta.url)

/** The text of the page with the present regions. Throws when a region does not exist. */
export function withSnippets(text: string): string {
  return text.replaceAll(SNIPPET, (_, file: string, region: string | undefined, language) => {
    const source = readFileSync(new URL(file, import.meta.url), 'utf8')
    const code = region === undefined ? source.trimEnd() : regionOf(source, region)
    if (code === null) throw new Error(`${file} has no region ${region}.`)
    return `<!-- ${region === undefined ? file : `${file}#${region}`} -->\n\`\`\`${language}\n${code}\n\`\`\``
  })
}

/** The lines of a region without their common indentation. Null when there is no such region. */
function regionOf(source: string, region: string): string | null {
  const pattern = new RegExp(`^( *)// #region ${region}\\n([\\s\\S]*?)\\n *// #endregion`, 'm')
  const [, indentation, code] = pattern.exec(source) ?? []
  return code?.replaceAll(new RegExp(`^${indentation}`, 'gm'), '') ?? null
}

if (import.meta.main) writeFileSync(page, withSnippets(readFileSync(page, 'utf8')))
