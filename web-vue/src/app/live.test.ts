// Does the live channel go on where it was cut, without a gap, and say how it stands?
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLive, type Channel, type LiveEvent } from './live'

function event(number: number): LiveEvent {
  return {
    id: `e${number}`,
    cursor: `c${number}`,
    kind: 'ACCEPTED',
    at: '2026-11-23T05:00:00Z',
    messageId: `m${number}`,
    recipientId: `r${number}`,
    recipient: 'anna@example.com',
    sender: 'shop@shop.test',
    subject: 'Hello',
  }
}

/** A ledger with a subscription whose cable can be cut. */
function stage(known: LiveEvent[] = []) {
  const opened: (string | null)[] = []
  let sink: Parameters<Channel>[1] | undefined
  let signedOut = 0
  let reachable = true
  const live = createLive({
    open: (after, its) => {
      opened.push(after)
      if (!reachable) queueMicrotask(() => its.ended(false))
      sink = its
      return () => (sink = undefined)
    },
    recent: async () => (reachable ? [...known].reverse() : null),
    signedOut: () => (signedOut += 1),
  })
  return {
    live,
    opened,
    open: () => sink !== undefined,
    batch: (events: LiveEvent[], caughtUp = true) =>
      sink?.batch({ events, cursor: events.at(-1)?.cursor ?? known.at(-1)?.cursor ?? 'c0', live: caughtUp }),
    cut: (over = false) => sink?.ended(over),
    reach: (now: boolean) => (reachable = now),
    signedOut: () => signedOut,
  }
}

const settled = () => vi.advanceTimersByTimeAsync(0)

beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_000_000 })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('the live channel', () => {
  it('reads the end of the ledger, then follows from its newest cursor', async () => {
    const world = stage([event(1), event(2)])
    const snapshot = vi.fn()
    const events = vi.fn()
    const caughtUp = vi.fn()
    world.live.listen({ snapshot, events, caughtUp })
    expect(world.live.status.value.kind).toBe('connecting')
    await settled()
    expect(snapshot.mock.calls[0]?.[0].map((one: LiveEvent) => one.id)).toEqual(['e2', 'e1'])
    expect(world.opened).toEqual(['c2'])
    world.batch([])
    expect(world.live.status.value.kind).toBe('live')
    expect(caughtUp).toHaveBeenCalledTimes(1)
    world.batch([event(3)])
    expect(events.mock.calls.flat(2).map((one: LiveEvent) => one.id)).toEqual(['e3'])
  })

  it('resumes after a cut from the last cursor, and counts down to it', async () => {
    const world = stage([event(1)])
    const snapshot = vi.fn()
    world.live.listen({ snapshot, events: () => {} })
    await settled()
    world.batch([event(2)])
    world.cut()
    const status = world.live.status.value
    expect(status.kind).toBe('offline')
    expect(status.kind === 'offline' && status.retryAt - Date.now()).toBeLessThanOrEqual(1_150)
    await vi.advanceTimersByTimeAsync(1_200)
    expect(world.opened).toEqual(['c1', 'c2'])
    expect(snapshot).toHaveBeenCalledTimes(1)
    world.batch([event(3)], false)
    expect(world.live.status.value.kind).toBe('connecting')
    world.batch([])
    expect(world.live.status.value.kind).toBe('live')
  })

  it('waits longer after every failure, at most about half a minute, and not at all when told to', async () => {
    const world = stage()
    world.reach(false)
    world.live.listen({ events: () => {} })
    const pauses: number[] = []
    for (let attempt = 0; attempt < 8; attempt += 1) {
      await settled()
      const status = world.live.status.value
      if (status.kind !== 'offline') throw new Error(status.kind)
      pauses.push(status.retryAt - Date.now())
      await vi.advanceTimersByTimeAsync(status.retryAt - Date.now() + 1)
    }
    expect(pauses[0]).toBeLessThan(1_200)
    expect(pauses[3]).toBeGreaterThan(6_000)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(34_500)
    world.reach(true)
    await settled()
    world.live.retryNow()
    await settled()
    expect(world.open()).toBe(true)
  })

  it('asks again for what came between an empty ledger and the subscription', async () => {
    const known: LiveEvent[] = []
    const world = stage(known)
    const events = vi.fn()
    world.live.listen({ events })
    await settled()
    expect(world.opened).toEqual([null])
    known.push(event(1))
    world.batch([])
    await settled()
    expect(events.mock.calls.flat(2).map((one: LiveEvent) => one.id)).toEqual(['e1'])
  })

  it('prefers the newest events to a long replay after five minutes away', async () => {
    const world = stage([event(1)])
    const snapshot = vi.fn()
    world.live.listen({ snapshot, events: () => {} })
    await settled()
    world.batch([])
    world.reach(false)
    world.cut()
    await vi.advanceTimersByTimeAsync(6 * 60_000)
    world.reach(true)
    await vi.advanceTimersByTimeAsync(40_000)
    expect(snapshot).toHaveBeenCalledTimes(2)
  })

  it('closes a moment after the last listener left, and not when the next page listens', async () => {
    const world = stage([event(1)])
    const leave = world.live.listen({ events: () => {} })
    await settled()
    leave()
    const stay = world.live.listen({ events: () => {} })
    await vi.advanceTimersByTimeAsync(10_000)
    expect(world.open()).toBe(true)
    stay()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(world.open()).toBe(false)
    expect(world.live.status.value.kind).toBe('idle')
  })

  it('gives a late listener the end of the ledger too', async () => {
    const world = stage([event(1)])
    world.live.listen({ events: () => {} })
    await settled()
    const snapshot = vi.fn()
    world.live.listen({ snapshot, events: () => {} })
    await settled()
    expect(snapshot).toHaveBeenCalledTimes(1)
  })

  it('says so when the session is over, and does not knock again', async () => {
    const world = stage([event(1)])
    world.live.listen({ events: () => {} })
    await settled()
    world.cut(true)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(world.signedOut()).toBe(1)
    expect(world.opened).toHaveLength(1)
  })
})
