#!/bin/sh
# Is the dashboard built from the present sources? Builds it if not.
#
#   cli/setup/web.sh           build; fails where Node.js is missing
#   cli/setup/web.sh if-node   build where there is Node.js, else say so in one line and go on
#   cli/setup/web.sh packages  only the packages that its checks and tests need
set -eu
cd "$(dirname "$0")/../../web-vue"

say() { printf '%s\n' "$*"; }

if ! node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' 2>/dev/null || ! command -v npm >/dev/null; then
  if [ "${1:-}" = if-node ]; then
    [ -f dist/index.html ] || say "No Node.js 20 or newer: everything but the dashboard will run. Install it and make run again."
    exit 0
  fi
  say "Node.js 20 or newer, with npm, is needed. Type: apt-get install nodejs npm" >&2
  exit 1
fi

packages=$(cksum <package-lock.json)
if [ "$(cat node_modules/.locked 2>/dev/null)" != "$packages" ]; then
  say "Installing the dashboard's packages (about half a minute) …"
  npm ci --no-audit --no-fund --loglevel=error
  say "$packages" >node_modules/.locked
fi
[ "${1:-}" = packages ] && exit 0

# Everything that git would know, and the API's schema, from which the client's types are made.
sources=$({ find . -type d \( -name node_modules -o -name dist -o -name gen -o -name '.nuxt*' \) -prune -o \
  -type f ! -name '*.d.ts' -exec cksum {} + | LC_ALL=C sort -k3; cksum <../api/schema.graphql; } | cksum)
if [ "$(cat dist/.built 2>/dev/null)" != "$sources" ]; then
  say "Building the dashboard (some twenty seconds) …"
  said=$(npm run --silent build 2>&1) || { say "$said" >&2; exit 1; }
  say "$sources" >dist/.built
fi
