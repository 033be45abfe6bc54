// A text as the squares of a QR code.
import { encodeQR } from 'qr'

/** The dark squares as the path of a picture `size` squares wide, with the quiet margin that readers need around them. */
export function squares(text: string): { size: number; path: string } {
  const rows = encodeQR(text, 'raw', { ecc: 'medium', border: 4 })
  const path = rows.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('')
  return { size: rows.length, path }
}
