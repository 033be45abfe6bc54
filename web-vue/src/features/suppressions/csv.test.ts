// Is CSV read as it was meant?
import { describe, expect, it } from 'vitest'
import { rowsOf } from './csv'
import { reportOf } from './files'

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

describe('reportOf', () => {
  it('counts outcomes and keeps the lines that were not taken', () => {
    const text =
      'line,address,outcome,detail\r\n2,a@x.test,added,\r\n3,b@x.test,duplicate,\r\n4,oh,bad,"no @, it seems"\r\n'
    expect(reportOf(text)).toEqual({
      text,
      added: 1,
      duplicate: 1,
      bad: [{ line: '4', address: 'oh', detail: 'no @, it seems' }],
    })
  })
})
