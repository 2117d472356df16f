#!/bin/bash
# tidy.sh BUILD_DIRECTORY FILE: clang-tidy over one source; prints "FAILED FILE" and why, or nothing.
# --extra-arg: the build's flags are g++'s.
output=$(clang-tidy -p "$1" --quiet --extra-arg=-Wno-unknown-warning-option "$2" 2>/dev/null) ||
  printf 'FAILED %s\n%s\n' "$2" "$output"
