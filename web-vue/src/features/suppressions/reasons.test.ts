// Is it told apart by what an address got on a list, and what somebody said about it?
import { describe, expect, it } from 'vitest'
import { wayOf } from './reasons'

describe('wayOf', () => {
  it('takes the way off the words behind it', () => {
    expect(wayOf('one_click')).toEqual({ way: 'one_click', words: '' })
    expect(wayOf('api: member: asked by phone')).toEqual({ way: 'api', words: 'member: asked by phone' })
    expect(wayOf('member')).toEqual({ way: 'member', words: '' })
    expect(wayOf('mailbox: closed')).toEqual({ way: null, words: 'mailbox: closed' })
    expect(wayOf('@SUM(1)')).toEqual({ way: null, words: '@SUM(1)' })
  })
})
