// Are programs called by what they say?
import { describe, expect, it } from 'vitest'
import { programName } from './programs'

describe('programName', () => {
  it.each([
    [{ agent: 'Firefox', system: 'Windows' }, 'Firefox, Windows'],
    [{ agent: 'Gmail', system: null }, 'Gmail'],
    [{ agent: null, system: 'Linux' }, 'Linux'],
    [{ agent: null, system: null }, null],
  ])('calls %j %s', (program, name) => {
    expect(programName(program)).toBe(name)
  })
})
