// Is money neither lost nor made when it is typed and shown?
import { describe, expect, it } from 'vitest'
import { cents, price } from './price'

describe('cents', () => {
  it.each([
    ['12.50', 1250],
    ['12,5', 1250],
    ['12', 1200],
    ['0.07', 7],
    ['19.99', 1999],
    ['', 0],
    ['1.234', undefined],
    ['-1', undefined],
    ['free', undefined],
  ])('reads %j as %s', (typed, meant) => {
    expect(cents(typed)).toBe(meant)
  })
})

describe('price', () => {
  it('is written with its currency', () => {
    expect(price(1250, 'EUR', 'en')).toBe('€12.50')
    expect(price(0, 'USD', 'en')).toBe('$0.00')
  })
})
