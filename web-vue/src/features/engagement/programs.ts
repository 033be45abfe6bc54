// How a program that opened or clicked is called, as far as it says what it is.

export interface Program {
  agent?: string | null
  system?: string | null
  device?: string | null
}

/** "Firefox, Windows"; null where it does not say anything. */
export function programName({ agent, system }: Program): string | null {
  const told = [agent, system].filter((one) => one != null && one !== '')
  return told.length === 0 ? null : told.join(', ')
}
