import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { TURN_LEASE_MS, type Turns } from '../ledger/turns.ts'

/** Does one thing after another for each tenant, over all processes, and things of different tenants side by side. */
export type InTurn = <T>(tenant: string, work: () => Promise<T>) => Promise<T>

const LOOK_MS = 50

export function createInTurn(turns: Turns): InTurn {
  const last = new Map<string, Promise<unknown>>()

  /** Among processes; within this one there is one at a time already. */
  async function alone<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    const holder = randomUUID()
    while (!(await turns.take(tenant, holder))) await pause(LOOK_MS)
    const atWork = setInterval(
      () => turns.extend(tenant, holder).catch(() => {}),
      TURN_LEASE_MS / 5,
    )
    try {
      return await work()
    } finally {
      clearInterval(atWork)
      await turns.give(tenant, holder).catch(() => {})
    }
  }

  return (tenant, work) => {
    const turn = (last.get(tenant) ?? Promise.resolve()).then(() => alone(tenant, work))
    const ended = turn
      .catch(() => {})
      .then(() => {
        if (last.get(tenant) === ended) last.delete(tenant)
      })
    last.set(tenant, ended)
    return turn
  }
}
