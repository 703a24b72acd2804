import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Settings } from './settings.ts'

const PEERS = fileURLToPath(new URL('./peers', import.meta.url))

/**
 * The file that runs Mercurius. Installs Mercurius when it is missing. Null in a smoke run when it is missing, and when
 * it cannot be installed.
 */
export function findMercurius({ isSmoke }: Settings): string | null {
  const file = 'bench/peers/mercurius.js'
  if (existsSync(`${PEERS}/node_modules/mercurius`)) return file
  if (isSmoke) return null
  const { status } = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--prefix', PEERS], {
    stdio: 'inherit',
  })
  if (status === 0) return file
  console.error('Mercurius cannot be installed, so its row is left out.')
  return null
}
