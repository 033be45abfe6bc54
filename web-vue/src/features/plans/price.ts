// Money as people read and type it; the API counts in hundredths.

/** "€ 12.50" in the language's own way. */
export function price(cents: number, currency: string, language: string): string {
  return new Intl.NumberFormat(language, { style: 'currency', currency }).format(cents / 100)
}

/** "12.50", "12,5" or "12" as hundredths; undefined for what is no price, 0 for nothing. */
export function cents(typed: string): number | undefined {
  const plain = typed.trim()
  if (plain === '') return 0
  const found = /^(\d{1,10})(?:[.,](\d{1,2}))?$/.exec(plain)
  if (found === null) return undefined
  return Number(found[1]) * 100 + Number((found[2] ?? '').padEnd(2, '0'))
}
