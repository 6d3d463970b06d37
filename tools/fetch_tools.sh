#!/usr/bin/env bash
# Puts Prometheus, promtool, Alertmanager, amtool, node_exporter, mtail and a small C compiler into a folder of the checkout.
# A binary on PATH is taken first. Nothing is installed or started on the machine, and no root is needed.
set -euo pipefail
tools=$(mkdir -p "$1" && cd "$1" && pwd)
say() { printf 'setup: %s\n' "$*" >&2; }
mkdir -p "$tools/bin"

# command on PATH : Debian package : path inside the package
wanted='prometheus:prometheus:usr/bin/prometheus
promtool:prometheus:usr/bin/promtool
prometheus-alertmanager:prometheus-alertmanager:usr/bin/prometheus-alertmanager
amtool:prometheus-alertmanager:usr/bin/amtool
prometheus-node-exporter:prometheus-node-exporter:usr/bin/prometheus-node-exporter
mtail:mtail:usr/bin/mtail'

path_without_tools=$(printf '%s' "$PATH" | tr ':' '\n' | grep -vxF "$tools/bin" | paste -sd:)
missing=()
while IFS=: read -r command package inside; do
  rm -f "$tools/bin/$command"
  if found=$(PATH=$path_without_tools command -v "$command"); then
    ln -s "$found" "$tools/bin/$command"
  elif [ -x "$tools/$inside" ]; then
    ln -s "../$inside" "$tools/bin/$command"
  else
    missing+=("$package")
  fi
done <<<"$wanted"
compiler=
for each in cc gcc clang tcc; do
  if PATH=$path_without_tools command -v "$each" >/dev/null; then compiler=$each; break; fi
done
if [ -z "$compiler" ] && [ ! -x "$tools/usr/bin/tcc" ]; then missing+=(tcc); fi

# Debian's Prometheus takes the scripts and fonts of its pages from packages of their own
pages=$tools/usr/share/javascript/jquery
wants_pages() {
  [ "$(readlink "$tools/bin/prometheus" 2>/dev/null)" = ../usr/bin/prometheus ] && [ ! -e "$pages" ] && command -v apt-get >/dev/null
}

if [ ${#missing[@]} -gt 0 ] || wants_pages; then
  for need in apt-get dpkg-deb; do
    command -v "$need" >/dev/null || {
      say "missing: ${missing[*]}; they are fetched from Debian's or Ubuntu's packages, and there is no $need here."
      say "put the binaries on PATH and try again"
      exit 1
    }
  done
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # package lists of our own: the machine's may be empty, old or unreadable, and stay as they are
  mkdir -p "$work/lists/partial" "$work/archives/partial"
  options=(-qq -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work" -o Debug::NoLocking=1 -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update >"$work/log" 2>&1 || true
  fetch() { (cd "$work" && apt-get "${options[@]}" download "$@" >>"$work/log" 2>&1); }
fi
if [ ${#missing[@]} -gt 0 ]; then
  mapfile -t packages < <(printf '%s\n' "${missing[@]}" | sort -u)
  say "fetching ${packages[*]}"
  fetch "${packages[@]}" || {
    sed 's/^/setup:   /' "$work/log" | tail -5 >&2
    say "could not fetch ${packages[*]}; is a Debian or Ubuntu package mirror reachable?"
    exit 1
  }
  for package in "$work"/*.deb; do dpkg-deb -x "$package" "$tools"; done
  while IFS=: read -r command package inside; do
    [ -e "$tools/bin/$command" ] || ln -sf "../$inside" "$tools/bin/$command"
  done <<<"$wanted"
fi
if wants_pages; then
  mapfile -t packages < <(apt-cache "${options[@]}" depends --recurse --important prometheus 2>/dev/null | grep -E '^(libjs|fonts)-' | sort -u)
  if [ ${#packages[@]} -gt 0 ] && ! fetch "${packages[@]}"; then
    say "could not fetch what Prometheus' pages are made of: they stay without style and graphs, all else works"
  fi
  for package in "$work"/{libjs,fonts}-*.deb; do [ ! -e "$package" ] || dpkg-deb -x "$package" "$tools"; done
fi

# Debian's programs look for templates and pages in /usr/share, where an unpacked package has put nothing: each gets a wrapper.
ours() { [ -x "$tools/usr/bin/$1" ] && [ "$(readlink "$tools/bin/$1" 2>/dev/null)" = "../usr/bin/$1" ]; }
wrap() {
  rm -f "$tools/bin/$1"
  printf '#!/bin/sh\ntools=$(dirname "$(dirname "$(readlink -f "$0")")")\n%s\n' "$2" >"$tools/bin/$1"
  chmod +x "$tools/bin/$1"
}
if ours prometheus && grep -q local-assets <("$tools/usr/bin/prometheus" --help 2>&1); then
  wrap prometheus 'exec "$tools/usr/bin/prometheus" --web.local-assets="$tools/usr/share/prometheus/web/" "$@"'
fi
# Alertmanager has no such flag: the path in our copy is turned into one of the same length below a file that the wrapper opens.
if ours prometheus-alertmanager; then
  LC_ALL=C sed -i 's#/usr/share/prometheus/alertmanager\|/proc/self/cwd/alertmanager-assets#/proc/self/fd/9/alertmanagerassets#g' \
    "$tools/usr/bin/prometheus-alertmanager"
  ln -sfn prometheus/alertmanager "$tools/usr/share/alertmanagerassets"
  wrap prometheus-alertmanager 'exec "$tools/usr/bin/prometheus-alertmanager" "$@" 9<"$tools/usr/share"'
fi
if [ -x "$tools/usr/bin/tcc" ]; then ln -sf ../usr/bin/tcc "$tools/bin/tcc"; fi
touch "$tools/.ready"
