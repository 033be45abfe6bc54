// Is there one line a recipient, each event once, and nothing moved that need not move?
import { describe, expect, it } from 'vitest'
import type { LiveEvent } from '@/app/live'
import type { EventKind } from '@/graphql/gen/graphql'
import { applied, KEPT, Once, staysInPlace } from './feed'

let made = 0
function event(recipientId: string, kind: EventKind): LiveEvent {
  made += 1
  return {
    id: `e${made}`,
    cursor: `c${made}`,
    kind,
    at: new Date(1_800_000_000_000 + made * 1_000).toISOString(),
    messageId: `m-${recipientId}`,
    recipientId,
    recipient: `${recipientId}@example.com`,
    sender: 'shop@shop.test',
    subject: 'Hello',
  }
}
const lines = (rows: ReturnType<typeof applied>) => rows.map((row) => `${row.recipientId} ${row.status}`)

describe('applied', () => {
  it('puts a new recipient on top and lets its delivery go on in place', () => {
    let rows = applied([], [event('anna', 'ACCEPTED'), event('bob', 'ACCEPTED')])
    expect(lines(rows)).toEqual(['bob queued', 'anna queued'])
    rows = applied(rows, [event('anna', 'DEFERRED'), event('anna', 'DELIVERED')])
    expect(lines(rows)).toEqual(['bob queued', 'anna delivered'])
  })

  it('brings what a person did to the top', () => {
    const rows = applied([], [event('anna', 'ACCEPTED'), event('bob', 'ACCEPTED'), event('anna', 'UNSUBSCRIBED')])
    expect(lines(rows)).toEqual(['anna unsubscribed', 'bob queued'])
  })

  it('keeps no more rows than are drawn', () => {
    const events = Array.from({ length: KEPT + 20 }, (_, at) => event(`r${at}`, 'ACCEPTED'))
    const rows = applied([], events)
    expect(rows).toHaveLength(KEPT)
    expect(rows[0]?.recipientId).toBe(`r${KEPT + 19}`)
  })

  it('ends the same in one batch or in many', () => {
    const events = ['a', 'b', 'a', 'c', 'b', 'a'].map((who, at) =>
      event(who, (['ACCEPTED', 'ACCEPTED', 'DELIVERED', 'ACCEPTED', 'BOUNCED', 'OPENED'] as const)[at]!),
    )
    const many = events.reduce((rows, one) => applied(rows, [one]), applied([], []))
    expect(applied([], events)).toEqual(many)
  })
})

describe('staysInPlace', () => {
  const rows = applied([], [event('anna', 'ACCEPTED')])
  it('holds for a delivery of a row that is there, not for a newcomer or a reaction', () => {
    expect(staysInPlace(rows, event('anna', 'DELIVERED'))).toBe(true)
    expect(staysInPlace(rows, event('bob', 'ACCEPTED'))).toBe(false)
    expect(staysInPlace(rows, event('anna', 'OPENED'))).toBe(false)
  })
})

describe('Once', () => {
  it('lets every event through once, however often it is told', () => {
    const once = new Once()
    const [one, two, three] = [event('a', 'ACCEPTED'), event('b', 'ACCEPTED'), event('c', 'ACCEPTED')]
    expect(once.fresh([one, two])).toEqual([one, two])
    expect(once.fresh([two, three, three])).toEqual([three])
  })

  it('remembers the newest thousands of a long stream', () => {
    const once = new Once()
    const stream = Array.from({ length: 12_000 }, () => event('a', 'OPENED'))
    for (let at = 0; at < stream.length; at += 100) once.fresh(stream.slice(at, at + 100))
    expect(once.fresh(stream.slice(-2_000))).toEqual([])
  })
})
