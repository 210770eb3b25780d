#!/usr/bin/env python3
"""Reads a CSV file in a named dialect and writes it in RFC 4180 form. Rows that do not fit are set aside."""

import argparse
import csv
import pathlib
import sys

DIALECTS = {
    "excel-de": {"delimiter": ";", "quotechar": '"', "encoding": "cp1252"},
    "excel-en": {"delimiter": ",", "quotechar": '"', "encoding": "utf-8-sig"},
    "tsv": {"delimiter": "\t", "quotechar": '"', "encoding": "utf-8"},
}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--dialect", choices=sorted(DIALECTS), default="excel-en")
    args = parser.parse_args()
    dialect = dict(DIALECTS[args.dialect])
    encoding = dialect.pop("encoding")
    good, bad, seen, double, width = [], [], set(), 0, None
    with args.file.open(encoding=encoding, newline="") as lines:
        for row in csv.reader(lines, **dialect):
            width = width or len(row)
            key = tuple(cell.strip() for cell in row)
            if len(row) != width:
                bad.append(row)
            elif key in seen:
                double += 1
            else:
                seen.add(key)
                good.append(key)
    for rows, kind in ((good, "clean"), (bad, "rejected")):
        with args.file.with_suffix(f".{kind}.csv").open("w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows(rows)
    print(f"read {len(good) + len(bad) + double}, written {len(good)}, rejected {len(bad)}, duplicates {double}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
