#!/bin/sh
# Prints "NUMBER<tab>TITLE" for each pull request merged in $1..$2.
set -eu
git log --merges --format='%s%x09%b' "$1..$2" | awk -F'\t' '
  /^Merge pull request #/ {
    sub(/^Merge pull request #/, "", $1)
    sub(/ .*/, "", $1)
    print $1 "\t" $2
  }'
