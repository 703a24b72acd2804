/** Does one thing after another for each tenant, and things of different tenants side by side. */
export type InTurn = <T>(tenant: string, work: () => Promise<T>) => Promise<T>

export function createTurns(): InTurn {
  const last = new Map<string, Promise<unknown>>()
  return (tenant, work) => {
    const turn = (last.get(tenant) ?? Promise.resolve()).then(work)
    const ended = turn
      .catch(() => {})
      .then(() => {
        if (last.get(tenant) === ended) last.delete(tenant)
      })
    last.set(tenant, ended)
    return turn
  }
}
