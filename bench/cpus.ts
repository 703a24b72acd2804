import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** The CPUs of the measured service, and those of everything else. Null: processes are not pinned. */
export interface CpuPlan {
  service: string
  others: string
}

/** Plans the CPUs. Null when this machine has no `taskset` or only one CPU. */
export function planCpus(): CpuPlan | null {
  const [first, ...rest] = allowedCpus()
  if (first === undefined || rest.length === 0) return null
  if (spawnSync('taskset', ['-c', String(first), 'true']).status !== 0) return null
  return { service: String(first), others: rest.join(',') }
}

/** The CPUs that this process may use. Empty on systems without /proc. */
function allowedCpus(): number[] {
  if (process.platform !== 'linux') return []
  const list = /Cpus_allowed_list:\s+(\S+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return (list ?? '').split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number)
    if (from === undefined || to === undefined) return []
    return Array.from({ length: to - from + 1 }, (_, index) => from + index)
  })
}
