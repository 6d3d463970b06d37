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

if [ ${#missing[@]} -gt 0 ]; then
  for need in apt-get dpkg-deb; do
    command -v "$need" >/dev/null || {
      say "missing: ${missing[*]}; they are fetched from Debian's or Ubuntu's packages, and there is no $need here."
      say "put the binaries on PATH and try again"
      exit 1
    }
  done
  mapfile -t packages < <(printf '%s\n' "${missing[@]}" | sort -u)
  say "fetching ${packages[*]}"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # package lists of our own: the machine's may be empty, old or unreadable, and stay as they are
  mkdir -p "$work/lists/partial" "$work/archives/partial"
  options=(-qq -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work" -o Debug::NoLocking=1 -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update >"$work/log" 2>&1 || true
  (cd "$work" && apt-get "${options[@]}" download "${packages[@]}" >>"$work/log" 2>&1) || {
    sed 's/^/setup:   /' "$work/log" | tail -5 >&2
    say "could not fetch ${packages[*]}; is a Debian or Ubuntu package mirror reachable?"
    exit 1
  }
  for package in "$work"/*.deb; do dpkg-deb -x "$package" "$tools"; done
  while IFS=: read -r command package inside; do
    [ -e "$tools/bin/$command" ] || ln -sf "../$inside" "$tools/bin/$command"
  done <<<"$wanted"
fi
# Debian's Alertmanager looks for its own templates in /usr/share, where an unpacked package has put nothing. The path in
# our copy is turned into one of the same length below the working directory, and a wrapper goes there before it starts.
alertmanager=$tools/usr/bin/prometheus-alertmanager
if [ -x "$alertmanager" ] && [ "$(readlink "$tools/bin/prometheus-alertmanager" 2>/dev/null)" = ../usr/bin/prometheus-alertmanager ]; then
  LC_ALL=C sed -i 's#/usr/share/prometheus/alertmanager#/proc/self/cwd/alertmanager-assets#g' "$alertmanager"
  ln -sfn prometheus/alertmanager "$tools/usr/share/alertmanager-assets"
  rm -f "$tools/bin/prometheus-alertmanager"
  printf '#!/bin/sh\ncd "%s/usr/share" && exec "%s" "$@"\n' "$tools" "$alertmanager" >"$tools/bin/prometheus-alertmanager"
  chmod +x "$tools/bin/prometheus-alertmanager"
fi
if [ -x "$tools/usr/bin/tcc" ]; then ln -sf ../usr/bin/tcc "$tools/bin/tcc"; fi
touch "$tools/.ready"
