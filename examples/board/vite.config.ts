import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

/** Where `npm run board:dev` finds the service. */
const SERVICE = 'http://localhost:4000'

export default defineConfig({
  plugins: [react(), compress()],
  build: {
    // The Content-Security-Policy of the page allows no data: URLs except in images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: {
      '/graphql': { target: SERVICE, ws: true },
      '/board.json': SERVICE,
    },
  },
})

/** Writes `<file>.br` and `<file>.gz` beside each file, so that the service does not compress. */
function compress(): Plugin {
  return {
    name: 'compress',
    apply: 'build',
    writeBundle({ dir = '' }, bundle) {
      for (const output of Object.values(bundle)) {
        const body = output.type === 'chunk' ? output.code : output.source
        writeFileSync(join(dir, `${output.fileName}.br`), brotliCompressSync(body))
        writeFileSync(join(dir, `${output.fileName}.gz`), gzipSync(body, { level: 9 }))
      }
    },
  }
}
