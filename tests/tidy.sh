#!/bin/bash
# tidy.sh BUILD_DIRECTORY FILE: clang-tidy over one source; prints "FAILED FILE" and why, or
# nothing.
# --extra-arg: the build's flags are g++'s. The analyzer looks less deep into tests: it took two
# thirds of all the time there, and what it looks for the sanitizers find when the tests run.
arguments=(--extra-arg=-Wno-unknown-warning-option)
case $2 in
  tests/*) arguments+=(--extra-arg={-Xclang,-analyzer-config,-Xclang,mode=shallow}) ;;
esac
output=$(clang-tidy -p "$1" --quiet "${arguments[@]}" "$2" 2>/dev/null) ||
  printf 'FAILED %s\n%s\n' "$2" "$output"
