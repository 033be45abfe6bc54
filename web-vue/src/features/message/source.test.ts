// Is the source of a message shown as it is, whatever its bytes?
import { describe, expect, it } from 'vitest'
import { bytesOf, SHOWN, textOf } from './source'

describe('source', () => {
  it('reads UTF-8', () => {
    expect(textOf(bytesOf('R3LDvMOfZQ=='))).toBe('Grüße')
  })

  it('shows other bytes one by one rather than losing them', () => {
    expect(textOf(bytesOf('R3L832U='))).toBe('Grüße')
  })

  it('shows the beginning of a large one, even when that cuts a character', () => {
    const bytes = new TextEncoder().encode('a' + 'ü'.repeat(SHOWN))
    expect(textOf(bytes)).toBe('a' + 'ü'.repeat(SHOWN / 2 - 1))
  })
})
