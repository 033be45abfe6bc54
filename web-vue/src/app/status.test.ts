// Does a recipient's word follow its events, in whatever order they come?
import { describe, expect, it } from 'vitest'
import type { EventKind } from '@/graphql/gen/graphql'
import { isReaction, statusAfter, statusOf, type Status } from './status'

const told = (...kinds: EventKind[]) => kinds.reduce<Status | null>(statusAfter, null)

describe('statusAfter', () => {
  it('goes queued, deferred, delivered, opened', () => {
    expect(told('ACCEPTED')).toBe('queued')
    expect(told('ACCEPTED', 'DEFERRED')).toBe('deferred')
    expect(told('ACCEPTED', 'DEFERRED', 'DELIVERED')).toBe('delivered')
    expect(told('ACCEPTED', 'DEFERRED', 'DELIVERED', 'OPENED')).toBe('opened')
  })

  it('goes back to queued when a held message is released', () => {
    expect(told('ACCEPTED', 'HELD')).toBe('held')
    expect(told('ACCEPTED', 'HELD', 'RELEASED')).toBe('queued')
  })

  it('never hides an unsubscribe or a complaint behind an open', () => {
    expect(told('DELIVERED', 'UNSUBSCRIBED', 'OPENED')).toBe('unsubscribed')
    expect(told('DELIVERED', 'COMPLAINED', 'CLICKED', 'UNSUBSCRIBED')).toBe('complained')
  })

  it('keeps the open when the delivery is told late', () => {
    expect(told('ACCEPTED', 'OPENED', 'DELIVERED')).toBe('opened')
  })

  it('shows a bounce that comes after the delivery', () => {
    expect(told('DELIVERED', 'BOUNCED')).toBe('bounced')
  })
})

describe('statusOf', () => {
  it('is the state until a person did something', () => {
    expect(statusOf({ state: 'DELIVERED' })).toBe('delivered')
    expect(statusOf({ state: 'DELIVERED', openedAt: '2026-11-23T05:00:00Z' })).toBe('opened')
    expect(statusOf({ state: 'DELIVERED', openedAt: 'x', clickedAt: 'x', unsubscribedAt: 'x' })).toBe('unsubscribed')
  })
})

describe('isReaction', () => {
  it('tells what people did from how the delivery went', () => {
    expect(isReaction('CLICKED')).toBe(true)
    expect(isReaction('DELIVERED')).toBe(false)
    expect(isReaction('BOUNCED')).toBe(false)
  })
})
