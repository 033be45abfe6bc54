// Is every language offered once, by a name that people know?
import { describe, expect, it } from 'vitest'
import { languageName, languageNames } from './languages'

describe('languageNames', () => {
  const english = languageNames('en')

  it.each([
    ['de', 'German'],
    ['he', 'Hebrew'],
    ['pt', 'Portuguese'],
  ])('has %s as %s', (value, label) => {
    expect(english).toContainEqual({ value, label })
    expect(languageName(value, 'en')).toBe(label)
  })

  it('has the eight languages of the product, and speaks any of them', () => {
    for (const spoken of ['en', 'fr', 'de', 'he', 'it', 'pt', 'ru', 'es']) {
      const codes = languageNames(spoken).map(({ value }) => value)
      expect(codes).toEqual(expect.arrayContaining(['en', 'fr', 'de', 'he', 'it', 'pt', 'ru', 'es']))
    }
    expect(languageName('de', 'de')).toBe('Deutsch')
  })

  it('names none twice, and none by its letters', () => {
    expect(english.map(({ value }) => value)).not.toContain('iw')
    expect(english.filter(({ value, label }) => value === label)).toEqual([])
    expect(new Set(english.map(({ label }) => label)).size).toBe(english.length)
  })
})
