// Is CSV read as it was meant, and asked for as the list is narrowed?
import { describe, expect, it } from 'vitest'
import { addressOf, rowsOf } from './csv'

describe('rowsOf', () => {
  it.each([
    ['', []],
    [
      'a,b\r\nc,d\r\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['a,b', [['a', 'b']]],
    ['a,\n', [['a', '']]],
    ['"x, ""y"""," z"\n', [['x, "y"', ' z']]],
    ['"two\r\nlines",1\n', [['two\r\nlines', '1']]],
  ])('reads %j', (text, rows) => {
    expect(rowsOf(text)).toEqual(rows)
  })
})

describe('addressOf', () => {
  it('asks for what is chosen and nothing else', () => {
    expect(addressOf('/v1/x', { search: null, kind: [], account: '', since: undefined })).toBe('/v1/x')
    expect(addressOf('/v1/x', { search: 'a&b=c ü', kind: ['hard', 'soft'] })).toBe(
      '/v1/x?search=a%26b%3Dc+%C3%BC&kind=hard&kind=soft',
    )
  })
})
