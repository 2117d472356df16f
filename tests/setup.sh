# What ./run and ./test share: packages, hugepages, the build. Sourced by them, from the top of the
# repository.

readonly hugepages_wanted=512  # of 2 MB

say() { printf '%s: %s\n' "$program" "$*"; }

die() {
  printf '%s: %s\n' "$program" "$*" >&2
  exit 1
}

# The packages that are not installed of tests/packages.txt, or of the files in package_files.
missing_packages() {
  local wanted installed
  wanted=$(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "${package_files[@]:-tests/packages.txt}" |
    sort -u)
  # shellcheck disable=SC2086,SC2016
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null |
    sed -n 's/^installed //p' | sort -u)
  comm -23 <(echo "$wanted") <(echo "$installed")
}

# Installs what is missing; a second of nothing when all is there.
need_packages() {
  command -v dpkg-query >/dev/null || die "this is not Debian: Causeway builds on Debian 12 (see" \
    "tests/packages.txt for what it needs)"
  local missing
  missing=$(missing_packages)
  [ -z "$missing" ] && return
  # shellcheck disable=SC1091
  [ "$(. /etc/os-release && echo "$ID $VERSION_ID")" = "debian 12" ] ||
    die "packages are missing and this is not Debian 12; install these by hand:" $missing
  [ "$(id -u)" = 0 ] ||
    die "packages are missing; run it as root, or: sudo apt-get install" $missing
  say "installing" $missing
  export DEBIAN_FRONTEND=noninteractive
  local log
  log=$(mktemp)
  { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1 ||
    die "apt-get could not install the packages; its log is $log, its last words:" \
      "$(tail -n 3 "$log" | tr '\n' ' ')-- mend that, then run this again"
  rm -f "$log"
  missing=$(missing_packages)
  [ -z "$missing" ] || die "apt-get has not installed:" $missing
  # Debian starts coturn's server on installation. The tests only use its clients, and it would
  # hold port 3478.
  if [ -d /run/systemd/system ]; then systemctl disable --now coturn >/dev/null 2>&1 || true; fi
}

# Sets some hugepages aside, for this boot. Everything works without them.
reserve_hugepages() {
  local file=/proc/sys/vm/nr_hugepages
  [ -r "$file" ] && [ "$(cat "$file")" -lt "$hugepages_wanted" ] || return 0
  { echo "$hugepages_wanted" >"$file"; } 2>/dev/null || true
}

# build DIRECTORY TARGET... [-- MESON_OPTION...]: configures once, then builds.
build() {
  local directory=$1 targets=()
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    targets+=("$1")
    shift
  done
  [ $# -gt 0 ] && shift
  if [ ! -f "$directory/build.ninja" ]; then
    meson setup "$directory" "$@" >"$directory.log" 2>&1 || {
      tail -n 20 "$directory.log" >&2
      die "meson could not configure $directory; the whole log is $directory.log"
    }
    rm -f "$directory.log"
  fi
  ninja -C "$directory" "${targets[@]}"
}
