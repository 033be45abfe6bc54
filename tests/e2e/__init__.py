"""The dashboard as people meet it: Debian's Chromium on a running platform, one file a promise."""
