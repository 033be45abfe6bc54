// Is a whole cut into slices of the right size?
import { describe, expect, it } from 'vitest'
import { colorOf, restColor, sliceColors, slicesOf } from './pie'

describe('slicesOf', () => {
  it('cuts nothing into nothing', () => {
    expect(slicesOf([])).toEqual([])
    expect(slicesOf([0, 0])).toEqual([])
  })

  it('gives each its share, one after the other', () => {
    expect(slicesOf([6, 3, 0, 1])).toEqual([
      { from: 0, to: 0.6, color: sliceColors[0] },
      { from: 0.6, to: 0.9, color: sliceColors[1] },
      { from: 0.9, to: 1, color: sliceColors[3] },
    ])
  })

  it('puts what is left into one', () => {
    const slices = slicesOf(Array.from({ length: 9 }, () => 1))
    expect(slices).toHaveLength(7)
    expect(slices.at(-1)).toEqual({ from: 6 / 9, to: 1, color: restColor })
    expect([colorOf(5), colorOf(6), colorOf(8)]).toEqual([sliceColors[5], restColor, restColor])
  })
})
