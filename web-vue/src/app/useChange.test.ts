// Does a refusal find its field?
import { describe, expect, it } from 'vitest'
import { fieldOf } from './useChange'

describe('fieldOf', () => {
  it.each([
    [['name'], 'name'],
    [['input', 'name'], 'name'],
    [['input', 'member', 'email'], 'member.email'],
    [['input'], null],
    [[], null],
    [null, null],
    [undefined, null],
  ])('reads %j as %s', (path, field) => {
    expect(fieldOf(path)).toBe(field)
  })
})
