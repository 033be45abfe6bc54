"""Who may do what: the account tree, members, credentials, credits and brands.

    models/       the tables
    scope         on whose behalf something happens, and what it may see
    tree          accounts: making and finding them
    emails        how a person's address is written
    members       people, their roles, who may change whom
    invitations   how they come in
    sessions      which browsers are signed in
    passwords     another password, and proving to be the person again
    totp          the second factor; challenges: between the two steps of a login
    visits        "log in as": acting for an account below
    audit         who changed what
    credentials   what SMTP users, source networks and API keys are made of; secrets: how theirs look
    authentication  how a program proves whom it acts for, and whether it still may
    keys          who makes, changes and ends credentials; terms: and that nobody gives more than they have
    rates         how much a credential may send; uses: when it was used last
    credits       what an account may still send
    branding      which brand a host name shows
    throttle      how often somebody may try

Nothing here knows mail; `mail` calls down, never the other way round.
"""
