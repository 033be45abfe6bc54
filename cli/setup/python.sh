#!/bin/sh
# Which Python runs the platform, and is everything installed? Finds one, makes .venv and fills it from the locks.
#
#   cli/setup/python.sh        what `make run` needs
#   cli/setup/python.sh dev    also what tests and lint need
#
# Nothing is done twice: .venv remembers from which locks, and at which path, it was made.
set -eu
cd "$(dirname "$0")/../.."
root=$(pwd -P)
py=.venv/bin/python

say() { printf '%s\n' "$*"; }

# A pyenv shim may exist and fail, and Debian's python3 may come without venv: only what runs counts.
works() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}
has_venv() {
  "$1" -c 'import ensurepip, venv' >/dev/null 2>&1
}

find_python() {
  for name in python3.14 python3.13 python3.12 python3; do
    path=$(command -v "$name" 2>/dev/null) || continue
    if works "$path" && has_venv "$path"; then say "$path"; return; fi
  done
  for minor in 14 13 12; do
    for path in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor"*/bin/python3; do
      if [ -x "$path" ] && works "$path" && has_venv "$path"; then say "$path"; return; fi
    done
  done
}

advice() {
  for name in python3.14 python3.13 python3.12 python3; do
    path=$(command -v "$name" 2>/dev/null) || continue
    if works "$path"; then
      version=$("$path" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
      say "Python $version lacks its venv module. Type: apt-get install python$version-venv"
      return
    fi
  done
  if command -v pyenv >/dev/null 2>&1; then
    say "Python 3.12 or newer is needed. Type: pyenv install 3.13"
  else
    say "Python 3.12 or newer is needed. Type: curl -LsSf https://astral.sh/uv/install.sh | sh"
  fi
}

make_venv() {
  found=$(find_python)
  rm -rf .venv
  if [ -n "$found" ]; then
    say "Python: $("$found" -V 2>&1 | cut -d' ' -f2) ($found)"
    "$found" -m venv .venv
  elif command -v uv >/dev/null 2>&1; then
    uv venv --quiet --python '>=3.12' .venv
  else
    say "$(advice)" >&2
    exit 1
  fi
}

# One line that counts while pip works; all it said, if it fails.
install() {
  lock=$1
  total=$(grep -c '^[a-zA-Z0-9]' "$lock")
  say "Installing Python packages ($total at most) …"
  if ! "$py" -c 'import pip' 2>/dev/null; then
    uv pip install --python "$py" --require-hashes -r "$lock" # shows its own progress
    return
  fi
  set -- "$py" -m pip install --disable-pip-version-check --no-input --progress-bar off --require-hashes -r "$lock"
  [ -t 1 ] && tty=1 || tty=0
  { "$@" 2>&1 || say 'livery: installation failed'; } | awk -v total="$total" -v tty="$tty" '
    { said = said $0 "\n" }
    /^Collecting |^Requirement already satisfied/ {
      n++
      if (tty) printf "\r\033[K  %d of %d  %s", n, total, $1 == "Collecting" ? $2 : $4
      else if (n % 20 == 0) print "  " n " of " total
    }
    /^Installing collected packages/ { if (tty) printf "\r\033[K  unpacking"; else print "  unpacking" }
    { fflush() }
    /^livery: installation failed$/ { failed = 1 }
    END { if (tty) printf "\r\033[K"; if (failed) { printf "%s", said; exit 1 } }'
}

# The project itself needs no build: a path file and a script that starts `python -m cli`.
install_ourselves() {
  say "$root" >"$("$py" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/livery.pth"
  # Not a shebang with Python's path: the kernel cuts a long one off.
  cat >.venv/bin/livery.new <<'SCRIPT'
#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/python" -P -m cli "$@"
SCRIPT
  chmod 755 .venv/bin/livery.new
  mv .venv/bin/livery.new .venv/bin/livery
}

needs() { say "$root $(cksum <"$1")"; }
have() { [ "$(cat ".venv/$1" 2>/dev/null)" = "$2" ]; }

# One that an interrupted start left half-made is none; one that was moved has the old path in its scripts.
venv_stands() {
  works "$py" && { "$py" -c 'import pip' 2>/dev/null || command -v uv >/dev/null; } || return 1
  case "$(cat .venv/.run 2>/dev/null)" in "" | "$root "*) return 0 ;; *) return 1 ;; esac
}

want=$(needs requirements.lock)
if ! have .run "$want" || ! works "$py"; then
  venv_stands || make_venv
  install requirements.lock
  install_ourselves
  say "$want" >.venv/.run
fi
if [ "${1:-}" = dev ]; then
  want=$(needs requirements-dev.lock)
  if ! have .dev "$want"; then
    install requirements-dev.lock
    say "$want" >.venv/.dev
  fi
fi
