# What building needs on Debian, and how to get it. Sourced by experiments/quickstart.sh and Tests/run.sh.

# shellcheck disable=SC2034 # used where this is sourced
# Headers and libraries underneath the package; tmux for the tests that drive a terminal, python3 for experiments/faults.
build_packages=(libopenblas-dev libdnnl-dev libncurses-dev libsqlite3-dev tmux python3)
# What the Swift toolchain itself links with and calls.
swift_packages=(git ca-certificates tzdata build-essential libcurl4-openssl-dev libxml2-dev libsqlite3-0 zlib1g-dev)
swift_minimum=6.2

say() { printf '%s\n' "$*" >&2; }

# need_packages NAME…: installs those that are missing; touches nothing, and no network, where none is.
need_packages() {
  local name missing=() root=()
  if ! command -v dpkg-query >/dev/null; then
    say "This is not a Debian system: make sure that the equivalents of these are installed: $*"
    return 0
  fi
  for name in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true) == installed ]] || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      say "Missing: ${missing[*]}. Install them as root: apt-get install ${missing[*]}"
      return 69
    fi
    root=(sudo)
  fi
  say "Installing ${missing[*]}"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update >/dev/null &&
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install \
      "${missing[@]}" >/dev/null
}

# at_least MINIMUM VERSION
at_least() { [[ $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]; }

swift_version() { swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1; }

# need_swift: a Swift that is new enough, Debian's own where it is; else says where to get one and exits 69.
need_swift() {
  local found candidate
  found=$(swift_version || true)
  if [[ -n $found ]] && at_least "$swift_minimum" "$found"; then
    if ! command -v git >/dev/null || ! command -v cc >/dev/null; then
      need_packages git ca-certificates build-essential
    fi
    return
  fi
  candidate=$(apt-cache policy swiftlang 2>/dev/null | sed -n 's/^ *Candidate: \([0-9][0-9.]*\).*/\1/p' || true)
  if [[ -z $found && -n $candidate ]] && at_least "$swift_minimum" "$candidate"; then
    need_packages swiftlang "${swift_packages[@]}" || true
    found=$(swift_version || true)
    [[ -n $found ]] && at_least "$swift_minimum" "$found" && return
  fi
  say "Swift $swift_minimum or newer is needed (found: ${found:-none}); get it from https://swift.org/install"
  exit 69
}

# need_ranktop TOP: sets RANKTOP to the program, which is built where it names none.
need_ranktop() {
  [[ -z ${RANKTOP:-} ]] || return 0
  need_packages "${build_packages[@]}"
  need_swift
  swift build --package-path "$1" -c release --product ranktop >&2
  RANKTOP=$1/.build/release/ranktop
}

# need_venv FOLDER REQUIREMENTS: a Python environment with these packages, made once. To be called as a statement of its own,
# so that set -e ends it where a step fails.
need_venv() {
  [[ ! -e $1/complete ]] || return 0
  python3 -c 'import ensurepip' 2>/dev/null || need_packages python3 python3-venv >&2
  python3 -m venv "$1"
  "$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "$2" >&2
  touch "$1/complete"
}
