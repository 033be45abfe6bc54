// How the first message is sent, in the words of the tools people have at hand.

export interface Access {
  host: string
  /** A port with STARTTLS. */
  port: number
  user: string
  /** Who sends: an address of the account. */
  from: string
  /** An address that plays the whole life of a delivered message without the internet. */
  to: string
}

/** The ports with the submission port first (587 or its twin above 1024), which is the one to use: RFC 6409 §3.1. */
export function preferred(ports: readonly number[]): number[] {
  const rank = (port: number) => (port % 1000 === 587 ? 0 : 1)
  return [...ports].sort((one, other) => rank(one) - rank(other))
}

export const tools = ['swaks', 'curl', 'python', 'node', 'php'] as const
export type Tool = (typeof tools)[number]

const password = 'YOUR_PASSWORD'

/** A server on this very machine has a certificate that nobody signed. */
function isLocal(host: string): boolean {
  return host === '127.0.0.1' || host === '::1' || host === 'localhost' || host.endsWith('.localhost')
}

const single = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
const shell = (text: string) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)

/** A snippet that sends one message, ready to paste. */
export function snippet(tool: Tool, { host, port, user, from, to }: Access): string {
  const local = isLocal(host)
  switch (tool) {
    case 'swaks':
      return [
        `swaks --from ${shell(from)} --to ${shell(to)} \\`,
        `  --server ${shell(`${host}:${port}`)} --tls \\`,
        `  --auth PLAIN --auth-user ${shell(user)} --auth-password ${password}`,
      ].join('\n')
    case 'curl':
      return [
        `printf 'From: %s\\nTo: %s\\nSubject: Hello\\n\\nMy first message.\\n' ${shell(from)} ${shell(to)} |`,
        `  curl --ssl-reqd ${local ? '--insecure ' : ''}smtp://${host}:${port} --user ${shell(`${user}:`)}${password} \\`,
        `    --mail-from ${shell(from)} --mail-rcpt ${shell(to)} --crlf -T -`,
      ].join('\n')
    case 'python':
      return [
        'import smtplib',
        ...(local ? ['import ssl'] : []),
        'from email.message import EmailMessage',
        '',
        'message = EmailMessage()',
        `message["From"] = ${JSON.stringify(from)}`,
        `message["To"] = ${JSON.stringify(to)}`,
        'message["Subject"] = "Hello"',
        'message.set_content("My first message.")',
        '',
        `with smtplib.SMTP(${JSON.stringify(host)}, ${port}) as smtp:`,
        ...(local
          ? [
              '    tls = ssl.create_default_context()',
              '    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE  # a server on this machine',
              '    smtp.starttls(context=tls)',
            ]
          : ['    smtp.starttls()']),
        `    smtp.login(${JSON.stringify(user)}, "${password}")`,
        '    smtp.send_message(message)',
      ].join('\n')
    case 'node':
      return [
        "import nodemailer from 'nodemailer'",
        '',
        'const smtp = nodemailer.createTransport({',
        `  host: ${single(host)},`,
        `  port: ${port},`,
        '  requireTLS: true,',
        ...(local ? ['  tls: { rejectUnauthorized: false }, // a server on this machine'] : []),
        `  auth: { user: ${single(user)}, pass: '${password}' },`,
        '})',
        'await smtp.sendMail({',
        `  from: ${single(from)},`,
        `  to: ${single(to)},`,
        "  subject: 'Hello',",
        "  text: 'My first message.',",
        '})',
      ].join('\n')
    case 'php':
      return [
        '$mail = new PHPMailer\\PHPMailer\\PHPMailer(true);',
        '$mail->isSMTP();',
        `$mail->Host = ${single(host)};`,
        `$mail->Port = ${port};`,
        "$mail->SMTPSecure = 'tls';",
        ...(local
          ? [
              "$mail->SMTPOptions = ['ssl' => ['verify_peer' => false, 'verify_peer_name' => false]]; // a server on this machine",
            ]
          : []),
        '$mail->SMTPAuth = true;',
        `$mail->Username = ${single(user)};`,
        `$mail->Password = '${password}';`,
        `$mail->setFrom(${single(from)});`,
        `$mail->addAddress(${single(to)});`,
        "$mail->Subject = 'Hello';",
        "$mail->Body = 'My first message.';",
        '$mail->send();',
      ].join('\n')
  }
}
