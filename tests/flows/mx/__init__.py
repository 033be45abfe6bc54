"""Which way does mail take over the internet? The platform on `LIVERY_ROUTE=mx`, met by scripted DNS and mail hosts."""
