// Does a refusal lead to the step where it can be mended?
import { describe, expect, it } from 'vitest'
import { stepOf } from './steps'

describe('stepOf', () => {
  it.each([
    ['slug', 'details'],
    ['credits', 'credits'],
    ['privacyUrl', 'sending'],
    ['firstMember.email', 'people'],
    ['elsewhere', null],
  ])('finds %s in %s', (field, step) => {
    expect(stepOf(field)).toBe(step)
  })
})
