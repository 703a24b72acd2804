import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Figures of a process from /proc. All are NaN on systems other than Linux. */

const isLinux = process.platform === 'linux'
/** Clock ticks per second, the unit of CPU time in /proc. */
const ticksPerSecond = isLinux ? Number(execFileSync('getconf', ['CLK_TCK'])) : Number.NaN

/** The CPU time that all threads of the process have used so far, in user and system mode. */
export function cpuTimeMs(pid: number): number {
  if (!isLinux) return Number.NaN
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name of the program is in parentheses and may contain spaces. `state` follows it as field 3 (proc_pid_stat(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [utime, stime] = [Number(fields[11]), Number(fields[12])]
  return ((utime + stime) * 1_000) / ticksPerSecond
}

/** Resident memory now. */
export function residentMb(pid: number): number {
  return statusMb(pid, 'VmRSS')
}

/** The most resident memory that the process has had. */
export function peakResidentMb(pid: number): number {
  return statusMb(pid, 'VmHWM')
}

function statusMb(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  if (!isLinux) return Number.NaN
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024
}
