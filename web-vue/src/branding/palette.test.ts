// Is a brand's colour readable wherever the kit puts it?
import { describe, expect, it } from 'vitest'
import { contrast, shades } from './palette'

describe('contrast', () => {
  it('is 21 for black on white and 1 for a colour on itself', () => {
    expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 5)
    expect(contrast('#123456', '#123456')).toBe(1)
  })
})

describe('shades', () => {
  it('keeps a colour that can be read', () => {
    expect(shades('#0f766e')[600]).toBe('#0f766e')
  })

  it.each(['#ffdd00', '#ffffff', '#000000', '#0f766e', '#ff4f9a', '#7cfc00'])(
    'can be read for %s: 600 under white, 400 on dark',
    (colour) => {
      const made = shades(colour)
      expect(contrast(made[600]!, '#ffffff')).toBeGreaterThanOrEqual(4.5)
      expect(contrast(made[400]!, '#212126')).toBeGreaterThanOrEqual(4.5)
    },
  )

  it('gives eleven shades, each written #rrggbb', () => {
    const made = shades('#7c3aed')
    expect(Object.keys(made).map(Number)).toEqual([50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 950])
    for (const shade of Object.values(made)) expect(shade).toMatch(/^#[0-9a-f]{6}$/)
  })
})
