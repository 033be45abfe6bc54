// Can what we offer to paste be pasted?
import { describe, expect, it } from 'vitest'
import { preferred, snippet, tools, type Access } from './snippets'

const access: Access = {
  host: 'smtp.acme.test',
  port: 587,
  user: 'demo',
  from: 'user@shop.test',
  to: 'anna+x@example.com',
}

describe('preferred', () => {
  it('puts 587 and its twin first and keeps the order of the others', () => {
    expect(preferred([2525, 2587])).toEqual([2587, 2525])
    expect(preferred([25, 2525, 587])).toEqual([587, 25, 2525])
    expect(preferred([2525, 25])).toEqual([2525, 25])
  })
})

describe('snippet', () => {
  it('gives swaks one command', () => {
    expect(snippet('swaks', access)).toBe(
      'swaks --from user@shop.test --to anna+x@example.com \\\n' +
        '  --server smtp.acme.test:587 --tls \\\n' +
        '  --auth PLAIN --auth-user demo --auth-password YOUR_PASSWORD',
    )
  })

  it.each(tools)('names host, port, user, sender and recipient for %s', (tool) => {
    const text = snippet(tool, access)
    for (const part of ['smtp.acme.test', '587', 'demo', 'user@shop.test', 'anna+x@example.com', 'YOUR_PASSWORD']) {
      expect(text).toContain(part)
    }
  })

  it('checks certificates, except on this very machine', () => {
    expect(snippet('curl', access)).not.toContain('--insecure')
    expect(snippet('python', access)).not.toContain('CERT_NONE')
    expect(snippet('curl', { ...access, host: '127.0.0.1' })).toContain('--insecure')
    expect(snippet('python', { ...access, host: 'shop.localhost' })).toContain('CERT_NONE')
  })

  it('quotes a user that a shell or a program would stumble over', () => {
    const odd = { ...access, user: "o'neil $x" }
    expect(snippet('swaks', odd)).toContain(`--auth-user 'o'\\''neil $x'`)
    expect(snippet('python', odd)).toContain(`smtp.login("o'neil $x"`)
    expect(snippet('php', odd)).toContain(`'o\\'neil $x'`)
  })
})
