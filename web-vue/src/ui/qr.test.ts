// Does the picture say what it was drawn from?
import { describe, expect, it } from 'vitest'
import { decodeQR } from 'qr/decode.js'
import { squares } from './qr'

/** Looks at the picture as a camera would: `scale` pixels a square. */
function seen(text: string, scale = 4): string {
  const { size, path } = squares(text)
  const edge = size * scale
  const data = new Uint8ClampedArray(edge * edge * 4).fill(255)
  for (const [, x, y] of path.matchAll(/M(\d+) (\d+)h1v1h-1z/g)) {
    for (let row = 0; row < scale; row += 1) {
      const start = ((Number(y) * scale + row) * edge + Number(x) * scale) * 4
      for (let pixel = 0; pixel < scale; pixel += 1) data.set([0, 0, 0, 255], start + pixel * 4)
    }
  }
  return decodeQR({ width: edge, height: edge, data })
}

describe('a QR code', () => {
  it.each([
    'otpauth://totp/Acme%20Mail:user%40acme.test?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Acme%20Mail',
    `otpauth://totp/${'K%C3%B6ln'.repeat(12)}:a%40b.test?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=K%C3%B6ln`,
    'x',
  ])('of %s can be read', (text) => {
    expect(seen(text)).toBe(text)
  })

  it('is another one for another text', () => {
    expect(squares('one').path).not.toBe(squares('two').path)
  })

  it('keeps four squares free around it', () => {
    const { size, path } = squares('https://example.com')
    const places = [...path.matchAll(/M(\d+) (\d+)/g)].flatMap(([, x, y]) => [Number(x), Number(y)])
    expect([Math.min(...places), Math.max(...places)]).toEqual([4, size - 5])
  })
})
