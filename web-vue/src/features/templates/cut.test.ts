// Is an author warned where something was left out, and nowhere else?
import { describe, expect, it } from 'vitest'
import { isCut } from './cut'

describe('what is kept of HTML', () => {
  it.each([
    ['<p>a</p>', '<p>a</p>\n'],
    ['<p style="COLOR:red;">a</p>', '<p style="color: red">a</p>'],
    ['<P>a &amp; b</P>', '<p>a &amp; b</p>'],
    ['<p>&lt;%body%&gt;</p>', '<p>&lt;% body %&gt;</p>'],
  ])('of %j, %j is all of it', (written, kept) => {
    expect(isCut(written, kept)).toBe(false)
  })

  it.each([
    ['<script>x()</script><p>a</p>', '<p>a</p>'],
    ['<style>p { color: red }</style><p>a</p>', '<p>a</p>'],
    ['<p onclick="x()">a</p>', '<p>a</p>'],
    ['<p style="color:red;position:fixed">a</p>', '<p style="color: red">a</p>'],
    ['<a href="javascript:x()">a</a>', '<a>a</a>'],
  ])('of %j, %j is less', (written, kept) => {
    expect(isCut(written, kept)).toBe(true)
  })
})
