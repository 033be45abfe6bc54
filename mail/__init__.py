"""What happens to a message? The map: a message's life, and the file that knows each part of it.

    A door (smtpd, api) authenticates somebody to a `tenants.scope.Scope` and hands over an envelope and bytes.
    compose        JSON first becomes bytes, then takes the same way
    intake         accept(): stored, charged and recorded in one commit; only then 250 or 202; then it rings
    admission      may it come in, who pays, and who is on a list?
    arrivals       a row for each recipient, and its first facts
    holds          what waits for credit or for a person: charged and released, or cancelled
    reports        what a sender hears of mail that we took and will never deliver
    jobs           the rings: ids to look at, never content
    dispatch/      a worker claims what is due (lease, fence), walks each message through named steps,
                   hands it to a lane, and records every outcome at once
    domains        which domain signs, with which sealed key
    routing        which way out; pacing says how hard it may be pressed
    transports/    the way to the next host: simulator, relay, mx; each answers with a conversation and outcomes
    verdict        what a reply means: delivered, deferred or bounced; why, and whose fault it is
    retry          when to try again
    ledger         record(): the one writer of facts, with their consequences in the same transaction
    effects/       those consequences, by name
    suppressions/  to whom nothing is sent: asked on the way in and on the way out, learnt from what comes back
    lifecycle      the states, and which fact moves where
    feed           the ledger from a cursor on
    live           replay it, then follow it: those who see the same share one read
    stats          counts: a fold over the ledger
    search         lists and single messages
    setbacks       which mail came to a bad end: the reports of bounces and complaints
    notices        what the platform itself writes to people
    returns        what comes back to a signed return path or from a feedback loop: judged once, forwarded where wished
    unsubscribes   who wants no more mail: offered in each mail, heard by link, button or mail, undone by the same link
                   (unsubscribe_tags: with which words)
    tracking       the links and the pixel of a recipient's mail, under whose host, and how they are switched off
    links          where a link leads now, from memory; visits wait on disk until the database takes them
    visits         who opened and clicked, each recorded once, and forgotten when its account says
                   (visitors: person or machine? engagement: what it adds up to)
    templates      what customers put around and under their mail (previews: how it looks; choices: who uses which)
    treatments     what is done to one message, as account, credential and its own fields say together (dispatch/treated
                   does it, wire/additions how)
    copies         who gets a copy besides; copy_rules: how that is asked for, confirmed and ended
                   (copy_words: in which words)
    wire/          bytes in, values out: addresses, headers, MIME, DKIM, replies, return paths; every RFC is named there
    models/        the tables
    errors         the refusals

Order of the floors: commands (intake, holds, reports, dispatch, returns, domains, compose) > admission, arrivals, ledger >
effects > reads and means (search, setbacks, stats, live, feed, suppressions, transports) > models > pure (lifecycle, verdict,
retry, jobs, errors, copy_words, wire). Truth is in PostgreSQL; whatever rings only says "look again", and a lost ring costs
delay, never mail.
"""
