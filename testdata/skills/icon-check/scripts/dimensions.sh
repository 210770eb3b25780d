#!/bin/sh
# Prints "WIDTH HEIGHT FILE" for each PNG file, from the bytes of its header.
for file in "$@"; do
    od -An -tu1 -j16 -N8 "$file" | awk -v f="$file" '{ print $3 * 256 + $4, $7 * 256 + $8, f }'
done
