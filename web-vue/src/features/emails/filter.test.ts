// Does the list ask for what the address bar says?
import { describe, expect, it } from 'vitest'
import { asFilter, fromQuery, toQuery } from './filter'

const now = new Date('2026-11-23T05:40:00Z')

describe('the filter', () => {
  it('survives the address bar', () => {
    const wanted = { segment: 'bounced', text: 'anna@example.com', span: '7' } as const
    expect(fromQuery(toQuery(wanted))).toEqual(wanted)
    expect(toQuery(fromQuery({}))).toEqual({})
  })

  it('asks for the states of a segment, the text and the time', () => {
    expect(asFilter({ segment: 'bounced', text: ' anna ', span: '7' }, now)).toEqual({
      states: ['BOUNCED', 'EXPIRED'],
      search: 'anna',
      since: '2026-11-16T05:40:00.000Z',
    })
  })

  it('asks for everything when nothing is chosen', () => {
    expect(asFilter(fromQuery({ is: 'toString', days: '5' }), now)).toEqual({ states: null, search: null, since: null })
  })
})
