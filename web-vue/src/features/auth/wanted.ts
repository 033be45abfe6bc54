// What a form of the way in needs before it is worth asking the server.

export const wanted = ['email', 'password', 'code', 'name', 'company'] as const
export type Wanted = (typeof wanted)[number]

/** The first of `names` that is empty, or an address that is none: the text `wanted.*` asks for it. Null when all are there. */
export function missingField(fields: Partial<Record<Wanted, string>>, names: readonly Wanted[]): Wanted | null {
  for (const name of names) {
    const value = fields[name]?.trim() ?? ''
    if (value === '' || (name === 'email' && !/^[^\s@]+@[^\s@]+$/.test(value))) return name
  }
  return null
}
