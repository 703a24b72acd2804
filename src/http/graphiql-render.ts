import { gzipSync } from 'node:zlib'
import { renderGraphiQL } from '@graphql-yoga/render-graphiql'

/** Opens the tab of the page URL, then renders the page. */
const OPEN_TAB_OF_URL = `(root, options) => {
  const url = new URL(location.href)
  const given = new URLSearchParams(url.hash.slice(1) || url.search)
  const query = given.get('query')
  const variables = given.get('variables')
  if (query !== null) {
    options.defaultTabs.unshift({ query, variables, headers: options.headers })
    if (variables !== null) options.variables = variables
    url.hash = ''
    url.searchParams.set('query', query)
    url.searchParams.delete('variables')
    history.replaceState({}, '', url)
  }
  YogaGraphiQL.renderYogaGraphiQL(root, options)
}`

/**
 * An independent program. Renders the GraphiQL page with the options in its first argument (JSON), and writes the page
 * to standard output, compressed with gzip.
 */
const page = renderGraphiQL(JSON.parse(process.argv[2] ?? '{}'))
process.stdout.write(gzipSync(openTabOfUrl(fixTabs(sendHeadersInInit(page)))))

/** Sends the headers of a tab in connection_init too. The page sends them with each operation only. */
function sendHeadersInInit(page: string): string {
  return replaceIn(
    page,
    /extensions:\{headers:(\w+)\?\.headers\}/,
    'extensions:{headers:$1?.headers,connectionParams:$1?.headers}',
  )
}

/** Prevents tabs from moving on focus, because a tab that moves does not receive the click. */
function fixTabs(page: string): string {
  return replaceIn(
    page,
    '</head>',
    '<style>.graphiql-tab { transform: none !important }</style></head>',
  )
}

/**
 * Opens a tab with `query` and `variables` of the page URL, in its search or its fragment. The links of the board have
 * them in the fragment, which is not sent, because servers limit the length of a URL. The page itself reads
 * only the query, and ignores it at the first visit. The variables leave the URL, because the page updates only the
 * query there.
 */
function openTabOfUrl(page: string): string {
  return replaceIn(page, 'YogaGraphiQL.renderYogaGraphiQL(', `(${OPEN_TAB_OF_URL})(`)
}

/** Throws when the pattern does not match: a newer version of the page then needs another replacement. */
function replaceIn(page: string, pattern: string | RegExp, replacement: string): string {
  const result = page.replace(pattern, replacement)
  if (result === page) throw new Error(`The GraphiQL page has no ${pattern}.`)
  return result
}
