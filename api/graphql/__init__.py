"""What can be asked, changed and followed over GraphQL: one file a noun, put together in `schema`."""
