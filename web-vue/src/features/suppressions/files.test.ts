// Is a list asked for as it is narrowed, and the report of an import read as it was meant?
import { describe, expect, it } from 'vitest'
import { exportOf, reportOf } from './files'

describe('exportOf', () => {
  it('names whose list and what of it', () => {
    const all = { search: null, reasons: [], since: null }
    expect(exportOf({ accountId: null, forEverybody: false }, all)).toBe('/v1/suppressions/export')
    expect(exportOf({ accountId: 'a', forEverybody: true }, all)).toBe('/v1/suppressions/export?everybody=true')
    expect(exportOf({ accountId: 'a', forEverybody: false }, { ...all, reasons: ['BOUNCE', 'MANUAL'] })).toBe(
      '/v1/suppressions/export?account=a&reason=bounce&reason=manual',
    )
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
