// Is a form told what it lacks before the server is asked?
import { describe, expect, it } from 'vitest'
import { missingField } from './wanted'

describe('missingField', () => {
  it('lets a whole form pass', () => {
    expect(missingField({ email: ' you@example.com ', password: 'x' }, ['email', 'password'])).toBeNull()
  })

  it.each(['', '   ', 'you', 'you@', '@example.com', 'you @example.com'])('takes %j for no address', (email) => {
    expect(missingField({ email, password: 'x' }, ['email', 'password'])).toBe('email')
  })

  it('names the first field that is empty', () => {
    expect(missingField({ name: 'You', password: '' }, ['name', 'password'])).toBe('password')
  })
})
