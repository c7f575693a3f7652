# lib.sh - shared by scripts/run, scripts/test and scripts/fuzz; sourced, not run. Packages, builds, ports, processes.
# Everything a script starts is registered by `started` and ended by its process id when the script ends.
# SPDX-License-Identifier: MIT
# shellcheck shell=bash

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top" || exit 1

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# --- packages ---------------------------------------------------------------------------------------------------------
# One a line: package, the command that shows it is there already (- for a library), what it is for.
packages_to_build() {
  cat <<'TABLE'
build-essential g++ compiles nxb
meson meson configures the build
ninja-build ninja runs the build
pkg-config pkg-config finds the libraries
libuv1-dev - the event loop
node-llhttp - the HTTP parser (its C sources)
libwslay-dev - WebSocket frames
libxml2-dev - the XML parser
zlib1g-dev - compressed WebSocket messages
libssl-dev - TLS to XMPP servers
libudns-dev - DNS
nlohmann-json3-dev - JSON between the processes
libtomlplusplus-dev - the configuration file
libcli11-dev - command lines
libsystemd-dev - ready, status and watchdog for systemd
doctest-dev - unit tests
python3 python3 tests and free ports
curl curl the hand-made request
TABLE
}
packages_for_clients() {
  node_is_recent || say 'nodejs - runs the web client (18 or newer)'
  command -v npm >/dev/null || say 'npm - fetches the web clients'
  say 'ca-certificates - lets npm verify what it fetches'
}
# Clients, a proxy and a DNS server that are tried where they can be installed: a list for each, by name.
packages_for_chromium() { say 'chromium chromium a browser to try nxb with'; }
packages_for_libpurple() { say "libpurple-dev - Pidgin's library, another client to try nxb with"; }
packages_for_nginx() { say 'nginx-light nginx a proxy between clients and nxb'; }
packages_for_haproxy() { say 'haproxy haproxy another such proxy'; }
packages_for_dns() { say 'nsd nsd a DNS server, for finding XMPP servers by name'; }
packages_for_metrics() { say 'prometheus promtool judges what /metrics says'; }
packages_to_count() { say 'valgrind valgrind counts the instructions that a message costs'; }
packages_for_servers() { # demo|all
  say 'prosody prosody an XMPP server to talk to'
  [ "$1" = all ] || return 0
  say 'lua-sec - TLS for that Prosody'
  say 'ejabberd ejabberdctl another XMPP server to talk to'
  say 'openssl openssl certificates for the tests'
}

packages_to_package() { say 'dpkg-dev dpkg-shlibdeps finds what a Debian package depends on'; }
# Programs that say what they think of the service and of the package: tests use them where they can be installed.
packages_to_judge() {
  say 'systemd systemd-analyze judges the service'
  say 'lintian lintian judges the Debian package'
}
packages_to_fuzz() {
  say 'clang clang++ has libFuzzer'
  say 'libclang-rt-14-dev - libFuzzer and the sanitizers'
}

node_is_recent() {
  local version
  version=$(node --version 2>/dev/null) || return 1
  version=${version#v}
  [ "${version%%.*}" -ge 18 ]
}

is_installed() { # package command
  if [ "$2" != - ] && PATH=$PATH:/usr/sbin:/sbin command -v "$2" >/dev/null; then return 0; fi
  dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
}

# Reads such lines; installs what is missing, after saying so. Silent when nothing is. Being the right side of a pipe
# it runs in a subshell, so its variables are its own and its trap runs when it is done.
install_missing() {
  local package command why missing=()
  while read -r package command why; do
    is_installed "$package" "$command" && continue
    [ ${#missing[@]} -gt 0 ] || say "Missing Debian packages, installing them now:"
    printf '  %-22s %s\n' "$package" "$why"
    missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "this is no Debian: install these by other means"
  as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "not root and no sudo; run: apt-get install ${missing[*]}"
    as_root=(sudo)
    say "(with sudo)"
  fi
  log=$(mktemp)
  apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -o DPkg::Lock::Timeout=300 "$@"; }
  trap 'let_services_up; rm -f "$log"' EXIT
  keep_services_down
  if ! apt install -y --no-install-recommends "${missing[@]}" </dev/null >"$log" 2>&1; then
    { apt update && apt install -y --no-install-recommends "${missing[@]}"; } </dev/null >>"$log" 2>&1 ||
      { tail -n 30 "$log"; die "apt-get failed"; }
  fi
}

# An installed Prosody, ejabberd or NSD must not start a service of the machine: Debian asks this file first.
policy=/usr/sbin/policy-rc.d
policy_is_ours=no
keep_services_down() {
  [ -e "$policy" ] && return 0
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  policy_is_ours=yes
}
let_services_up() {
  [ "$policy_is_ours" = no ] || "${as_root[@]}" rm -f "$policy"
  policy_is_ours=no
}

# Strophe.js with its DOM, and xmpp.js, from npm, beside the interop tests.
install_web_clients() {
  local folder=$top/tests/interop
  local have=$folder/node_modules/.package-lock.json
  [ -f "$have" ] && [ ! "$folder/package-lock.json" -nt "$have" ] && return 0
  say "Fetching Strophe.js and xmpp.js into tests/interop/node_modules (npm)"
  local output
  output=$(cd "$folder" && npm ci --no-audit --no-fund 2>&1) || { say "$output" >&2; die "npm ci failed"; }
  touch "$have"
}

# Converse.js as it is published: npm would fetch the many packages, too, that it was built from. False if it is not to be had.
converse_version=14.0.0
converse_sha256=634f31fa0f7b0e47f1abc60d870ff6805c737577399920ebe92da4c7e5bcaff0
install_converse() {
  local folder=$top/tests/interop/node_modules/converse.js log
  [ "$(cat "$folder/.version" 2>/dev/null)" = "$converse_version" ] && return 0
  say "Fetching Converse.js into tests/interop/node_modules (npm)"
  rm -rf "$folder"
  mkdir -p "$folder"
  log=$folder/npm.log
  (
    cd "$folder" &&
      npm pack --silent "converse.js@$converse_version" &&
      echo "$converse_sha256  converse.js-$converse_version.tgz" | sha256sum -c --quiet &&
      tar -xzf "converse.js-$converse_version.tgz" --strip-components=1 package/dist package/LICENSE &&
      rm "converse.js-$converse_version.tgz" && echo "$converse_version" >.version
  ) >"$log" 2>&1 || { tail -n 5 "$log"; return 1; }
}

# --- building -----------------------------------------------------------------------------------------------------------
build() { # folder, "targets" (empty: everything), meson options...
  local folder=$1 targets=$2 log
  shift 2
  log=$(mktemp)
  if [ ! -f "$folder/build.ninja" ]; then
    rm -rf "$folder"
    meson setup "$folder" "$@" >"$log" 2>&1 || { tail -n 30 "$log"; rm -f "$log"; die "meson setup failed"; }
  fi
  # shellcheck disable=SC2086  # targets are words
  ninja -C "$folder" -n $targets | tail -n 1 | grep -q 'no work to do' ||
    say "Building in ${folder#"$top/"} (the first time takes minutes)"
  # shellcheck disable=SC2086  # targets are words
  nice ninja -C "$folder" $targets >"$log" 2>&1 || { grep -v '^\[' "$log" | tail -n 60; rm -f "$log"; die "the build failed"; }
  rm -f "$log"
}
# shellcheck disable=SC2034
kPrograms="supervisor/nxb-supervisor worker/nxb-worker supervisor/nxbctl"
build_release() { build "$top/build" "$1" --buildtype=release -Db_lto=true; }

# --- ports and processes ------------------------------------------------------------------------------------------------
free_port() { # [wanted]: that one if it is free, else any
  python3 - "${1:-0}" <<'PYTHON'
import socket, sys
for port in (int(sys.argv[1]), 0):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        print(probe.getsockname()[1])
        break
PYTHON
}

children=()
started() { children+=("$1"); }

end_children() {
  local pid i
  for ((i = ${#children[@]} - 1; i >= 0; --i)); do
    pid=${children[i]}
    kill -TERM "$pid" 2>/dev/null || continue
    for _ in $(seq 200); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  children=()
}

wait_for_port() { # port pid log
  for _ in $(seq 300); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
    kill -0 "$2" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 30 "$3" >&2
  die "nobody answers on port $1"
}
