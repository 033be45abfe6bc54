// Is the link where the brackets are?
import { describe, expect, it } from 'vitest'
import { languages, linked } from './languages'

describe('linked', () => {
  it.each([
    ['Stop [here], please.', { before: 'Stop ', link: 'here', after: ', please.' }],
    ['[all]', { before: '', link: 'all', after: '' }],
    ['No brackets', { before: '', link: 'No brackets', after: '' }],
    ['[] empty', { before: '', link: '[] empty', after: '' }],
    ['[a] and [b]', { before: '', link: 'a', after: ' and [b]' }],
  ])('reads %j', (text, parts) => {
    expect(linked(text)).toEqual(parts)
  })

  it('finds one in all the words to start from', () => {
    for (const { words } of Object.values(languages)) expect(linked(words).before).not.toBe('')
  })
})
