// The raw source of a message, from what the API gives to what can be read and kept.

/** The bytes of a base64 text. */
export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64)
  const bytes = new Uint8Array(binary.length)
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at)
  return bytes
}

/** How much of a source is put on the screen, in bytes; the rest is in the file to download. */
export const SHOWN = 200_000

/** The beginning of a source as text: UTF-8 where it is, else byte for byte, so that nothing is hidden. */
export function textOf(bytes: Uint8Array<ArrayBuffer>): string {
  const head = bytes.subarray(0, SHOWN)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
  } catch {
    return new TextDecoder('latin1').decode(head)
  }
}

/** Hands bytes to the browser as a file. */
export function save(bytes: Uint8Array<ArrayBuffer>, name: string): void {
  const address = URL.createObjectURL(new Blob([bytes], { type: 'message/rfc822' }))
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}
