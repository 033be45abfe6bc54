"""What do an account's making, suspension and deletion mean for its mail? Commands that change tenants and mail together.

    creation     an account in one call: details, credits, sender domain, first member
    suspension   suspend and resume; what was held meanwhile leaves after the resume
    deletion     for ever: the account is gone at once, what is left of it within minutes
    activity     what an account does, at a glance
    sign_up      strangers who want an account of their own

Each command is one unit of work; what takes longer than a moment is carried on by the clock, a slice at a time.
"""
