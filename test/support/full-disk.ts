import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from './app.ts'

/** A folder for a SQLite file whose free space a test can remove and restore. */
export interface Disk {
  dataDir: string
  /** Makes appends to files in the folder fail. `pid` is the process that writes. */
  fill(pid: number): void
  free(pid: number): void
}

/** A new file system in memory, filled with one file. Needs the permission to mount, which root usually has. */
export function smallFileSystem(): Disk {
  const dataDir = mkdtempSync(join(tmpdir(), 'zerograph-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', dataDir])
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', dataDir])
    rmSync(dataDir, { recursive: true })
  })
  const filling = join(dataDir, 'filling')
  return { dataDir, fill: () => fillUp(filling), free: () => rmSync(filling) }
}

/** A limit on the size of files that one process writes (RLIMIT_FSIZE): the write-ahead log cannot grow. */
export function fileSizeLimit(): Disk {
  const dataDir = temporaryFolder()
  const limit = (pid: number, size: string) =>
    execFileSync('prlimit', ['--pid', String(pid), `--fsize=${size}:`])
  return {
    dataDir,
    fill: (pid) => limit(pid, String(statSync(join(dataDir, 'ledger.db-wal')).size)),
    free: (pid) => limit(pid, 'unlimited'),
  }
}

/** Whether this process may mount a file system. */
export function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'zerograph-mount-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
  if (status === 0) spawnSync('umount', [folder])
  rmSync(folder, { recursive: true })
  return status === 0
}

/** Whether the command `prlimit` (util-linux) is installed, which sets limits of another process. */
export function canLimitFileSize(): boolean {
  return spawnSync('prlimit', ['--version']).status === 0
}

function fillUp(path: string): void {
  const file = openSync(path, 'w')
  const block = Buffer.alloc(4_096)
  try {
    while (true) writeSync(file, block)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(file)
  }
}
