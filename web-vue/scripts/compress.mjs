// Writes a brotli and a gzip twin beside every text file of dist, so that the server never compresses.
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))
const worthIt = /\.(js|css|html|svg|json|txt|map)$/

// index.html is left out: the server writes the brand into it.
const files = (await readdir(dist, { recursive: true })).filter((file) => worthIt.test(file) && file !== 'index.html')
await Promise.all(
  files.map(async (file) => {
    const plain = await readFile(join(dist, file))
    if (plain.length < 1024) return
    const options = {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length },
    }
    await writeFile(join(dist, `${file}.br`), await promisify(brotliCompress)(plain, options))
    await writeFile(join(dist, `${file}.gz`), await promisify(gzip)(plain, { level: 9 }))
  }),
)
