// Is what was chosen sent, and nothing else?
import { describe, expect, it } from 'vitest'
import { changesOf, choiceOf, daysOf, NONE, USUAL } from './choice'

const nothing = {
  accountId: 'a',
  credentialId: null,
  templateId: null,
  footerId: null,
  noTemplate: false,
  noFooter: false,
  trackOpens: null,
  trackClicks: null,
  trackText: null,
  listUnsubscribe: null,
  unsubscribeTagId: null,
  forwardReturns: null,
  wholeIp: null,
  visitDays: null,
}

describe('a treatment', () => {
  it('is off where an account has chosen nothing, and as the account where a credential has not', () => {
    expect(choiceOf(nothing).turned.trackOpens).toBe('OFF')
    expect(choiceOf({ ...nothing, credentialId: 'c' }).turned.trackOpens).toBe(USUAL)
    expect(choiceOf({ ...nothing, noFooter: true }).footer).toBe(NONE)
  })

  it('says nothing that was not touched', () => {
    expect(changesOf(choiceOf(nothing), choiceOf(nothing))).toEqual({})
  })

  it('keeps visits as long as usual, or as many days as an account says, whoever said it', () => {
    const before = choiceOf({ ...nothing, visitDays: 45 })
    expect([choiceOf(nothing).kept, before.kept]).toEqual([USUAL, '45'])
    expect(daysOf(before)).toEqual(['7', '30', '45', '90', '365'])
    expect(changesOf(before, { ...before, kept: '90' })).toEqual({ visitDays: 90 })
    expect(changesOf(before, { ...before, kept: USUAL })).toEqual({ visitDays: null })
  })

  it('says none, one and as usual each in its own way', () => {
    const before = choiceOf({ ...nothing, credentialId: 'c', footerId: 'f', trackClicks: true })
    const now = {
      ...before,
      template: NONE,
      footer: USUAL,
      tag: 't',
      turned: { ...before.turned, trackClicks: USUAL, trackOpens: 'OFF' },
    } as typeof before
    expect(changesOf(before, now)).toEqual({
      noTemplate: true,
      footerId: null,
      unsubscribeTagId: 't',
      trackClicks: null,
      trackOpens: false,
    })
    expect(changesOf(now, before)).toEqual({
      templateId: null,
      footerId: 'f',
      unsubscribeTagId: null,
      trackClicks: true,
      trackOpens: null,
    })
  })
})
