#!/usr/bin/env bash
# Makes the virtual environment with Stoker (editable) and what its tests need.
set -euo pipefail
venv=$1
python=${PYTHON:-python3}
say() { printf 'setup: %s\n' "$*" >&2; }
command -v "$python" >/dev/null || { say "$python is missing; apt install python3-venv"; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  say "$("$python" --version) is too old; Stoker needs Python 3.11 or later (PYTHON=python3.12 make ...)"
  exit 1
}
if [ ! -x "$venv/bin/python" ]; then
  say "virtual environment in $venv"
  "$python" -m venv "$venv" 2>/tmp/stoker-venv.$$ || {
    rm -rf "$venv"
    say "cannot make a virtual environment; apt install python3-venv"
    sed 's/^/setup:   /' /tmp/stoker-venv.$$ >&2
    rm -f /tmp/stoker-venv.$$
    exit 1
  }
  rm -f /tmp/stoker-venv.$$
fi
say "Python packages"
dev=$("$venv/bin/python" -c 'import tomllib; print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"]))')
mapfile -t packages <<<"$dev"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable . "${packages[@]}" || {
  say "pip could not install the packages; is the package index reachable?"
  exit 1
}
touch "$venv/.ready"
