// The languages that a footer can be for: each with two letters, by its name in the language of the page.
const letters = 'abcdefghijklmnopqrstuvwxyz'

export function languageName(code: string, spoken: string): string {
  return new Intl.DisplayNames(spoken, { type: 'language' }).of(code) ?? code
}

/** Every language the browser knows by two letters, in the order of the names. Old codes ("iw") are left to the new ones. */
export function languageNames(spoken: string): { value: string; label: string }[] {
  const names = new Intl.DisplayNames(spoken, { type: 'language', fallback: 'none' })
  const found: { value: string; label: string }[] = []
  for (const one of letters) {
    for (const two of letters) {
      const value = one + two
      const label = names.of(value)
      // Twi is Akan by another code: one name is offered once.
      const other = label === undefined || found.some((one) => one.label === label)
      if (!other && Intl.getCanonicalLocales(value)[0] === value) found.push({ value, label })
    }
  }
  return found.sort((a, b) => a.label.localeCompare(b.label, spoken))
}
