// Has each step of a timeline the visit it tells of, and is a long address still one that can be recognised?
import { describe, expect, it } from 'vitest'
import type { EventKind } from '@/graphql/gen/graphql'
import { shortened, visitsOf, type Visit } from './visits'

const AT = '2026-11-23T10:00:00.000001+00:00'
const step = (id: string, kind: EventKind, at = AT, machine = false) => ({ id, kind, at, machine })
const visit = (kind: EventKind, target: string | null, at = AT, machine: string | null = null): Visit => ({
  kind,
  at,
  target,
  machine,
  agent: 'Firefox',
  system: 'Android',
})

describe('the visit of a step', () => {
  it('is the one of its kind and moment, by a person or not', () => {
    const timeline = [
      step('delivered', 'DELIVERED'),
      step('opened', 'OPENED'),
      step('scanned', 'CLICKED', AT, true),
      step('clicked', 'CLICKED'),
      step('later', 'CLICKED', '2026-11-23T11:00:00+00:00'),
    ]
    const visits = [
      visit('CLICKED', 'https://a.test/'),
      visit('CLICKED', 'https://b.test/', AT, 'scanner'),
      visit('OPENED', null),
    ]
    const found = visitsOf(timeline, visits)
    expect([...found].map(([id, one]) => [id, one.target])).toEqual([
      ['opened', null],
      ['scanned', 'https://b.test/'],
      ['clicked', 'https://a.test/'],
    ])
  })

  it('is told once, where two came in the same moment', () => {
    const visits = [visit('CLICKED', 'https://a.test/'), visit('CLICKED', 'https://b.test/')]
    const found = visitsOf([step('1', 'CLICKED'), step('2', 'CLICKED'), step('3', 'CLICKED')], visits)
    expect([...found].map(([id, one]) => [id, one.target])).toEqual([
      ['1', 'https://a.test/'],
      ['2', 'https://b.test/'],
    ])
  })
})

describe('an address', () => {
  it('stays whole while it is short', () => {
    expect(shortened('https://shop.test/a?b=c')).toBe('https://shop.test/a?b=c')
    expect(shortened('x'.repeat(60))).toBe('x'.repeat(60))
  })

  it('loses its middle where it is long', () => {
    const told = shortened(`https://shop.test/${'x'.repeat(200)}/end`)
    expect(told).toHaveLength(60)
    expect(told).toMatch(/^https:\/\/shop\.test\/x+…x+\/end$/)
    expect(shortened('😀'.repeat(9), 5)).toBe('😀😀…😀😀')
  })
})
