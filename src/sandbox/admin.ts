import { Hono } from 'hono'
import type { CallLog } from './call-record.ts'
import { type Faults, SWITCH_NAMES } from './fault.ts'
import type { Store } from './store.ts'

/** The data that the admin routes show and change. */
interface AdminOptions {
  calls: CallLog
  faults: Faults
  store: Store
}

/**
 * Builds the routes to read recorded calls and tasks and to set faults. 0-0 has no such routes.
 *
 * They need no key: the sandbox listens on the loopback address by default. An invalid fault is
 * answered with 400, an unknown task with 404, both as `{"problem": "<reason>"}`.
 */
export function createAdmin({ calls, faults, store }: AdminOptions): Hono {
  const admin = new Hono()

  admin.get('/calls', (context) => context.json({ calls: calls.list() }))
  admin.delete('/calls', (context) => {
    calls.clear()
    return context.json({ calls: [] })
  })

  admin.get('/faults', (context) => context.json({ faults: faults.list() }))
  admin.put('/faults', async (context) => {
    const input = await context.req.json().catch(() => undefined)
    const outcome = faults.replace(input)
    if (outcome.ok) return context.json({ faults: faults.list() })
    return context.json({ problem: outcome.problem, knownSwitches: SWITCH_NAMES }, 400)
  })
  admin.delete('/faults', (context) => {
    faults.clear()
    return context.json({ faults: [] })
  })

  admin.get('/tasks/:id', (context) => {
    const task = store.findTask(context.req.param('id'))
    return task ? context.json(task) : context.json({ problem: 'no such task' }, 404)
  })
  return admin
}
