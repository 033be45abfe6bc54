"""What do the standards say, byte by byte? Pure code: bytes and values in, values out.

Nothing in this package knows a database, a framework, a clock, a setting or the network. Everything in it runs in time
linear in its input and never fails on what strangers send: malformed mail is an answer, not an exception.

    address     who is meant: paths, mailboxes, domains
        RFC 5321  §4.1.2 Path and Mailbox, §4.1.3 address literals, §4.5.3.1 sizes
        RFC 6531  §3.3 UTF-8 in Mailbox (SMTPUTF8)
        RFC 5890  A-labels and U-labels of internationalised domains
    headers     the header block as bytes: split, find, remove, prepend, show
        RFC 5322  §2.2 fields and folding, §3.4 addresses, §3.6 the fields
        RFC 2047  encoded words, for display
        RFC 6854  groups in From
    mime        the body for a narrower road: 8-bit to 7-bit, long lines
        RFC 2045  content transfer encodings, RFC 2046 multiparts
        RFC 6152  §3 the duty to convert where 8BITMIME is missing
        RFC 1847  §2.1 signed parts are not touched without need
    additions   what an account has put into its mail: into the message's own bytes, or not at all; its readers are
      entity      the MIME tree as offsets, or why there is none that all programs agree on
        RFC 2046  §5.1.1 boundaries, RFC 2183 dispositions, RFC 2387 related
      leaves      one part opened and closed again: transfer encodings
        RFC 1847, RFC 3156, RFC 8551 signed and encrypted mail, which is not opened
      charset     its letters, edited as bytes wherever ASCII is ASCII
      html        the places of an HTML document, found as browsers read it
      plain       those of a plain text, and HTML as text
        RFC 3986  appendix C URLs in text
        hidden    what of the HTML is not for the eye
        paper     words, white space and lists as lines
      places      links, tags and pieces: what becomes of them
    message     the finishing steps on the way out, signing last
        RFC 5321  §4.4 Received
        RFC 5322  §3.6.1 Date, §3.6.3 Bcc, §3.6.4 Message-ID
    dsn         the report that mail was not delivered
        RFC 3464  message/delivery-status, RFC 3461 NOTIFY, RET, ENVID and ORCPT
        RFC 6522  multipart/report
        RFC 6533  addresses and headers beyond ASCII in reports
    returned    what came back, and about whom: its readers are
      parts       the mail taken apart, bounded
        RFC 2045, RFC 2046, RFC 8098 receipts
      status      delivery status: RFC 3464, wherever its fields stand
      prose       bounces in sentences
      arf         feedback loops: RFC 5965, RFC 6430, RFC 6591, and the older ones
        RFC 3834  automatic replies
      finding     what each of them returns
    dkim        the signature
        RFC 6376  DKIM, §5.4.2 oversigning
        RFC 8301  rsa-sha256 with 1,024 bits or more
    returnpath  the signed envelope sender
        RFC 5321  §4.5.3.1.1 64 octets of local part
    reply       what the other host said
        RFC 5321  §4.2 replies
        RFC 2034, RFC 3463  enhanced status codes
"""
