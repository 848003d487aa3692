#!/usr/bin/env python3
"""The floor of a night: Polars merely reads the files that went in and writes the tables that came out.

    floor.py PUBLISHER TABLES TO

PUBLISHER: a generated publisher; TABLES: the published Parquet of a night; TO: where they are written again. Nothing is
parsed, compared or computed, so no program that reads and writes the same can be faster by much.
"""

import gzip
import io
import pathlib
import sys

import polars

publisher, tables, to = map(pathlib.Path, sys.argv[1:])
to.mkdir(parents=True, exist_ok=True)
rows = 0


def lines(data):
    """Any file as its lines, where it has no reader of its own or is cut."""
    text = polars.read_csv(
        io.BytesIO(data), has_header=False, separator="\x01", quote_char=None, infer_schema=False,
        encoding="utf8-lossy", truncate_ragged_lines=True,
    )
    return text.height


for folder in (publisher / "raw", publisher / "exports"):
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        try:
            if ".csv" in path.suffixes:
                rows += polars.read_csv(io.BytesIO(data), infer_schema=False, encoding="utf8-lossy", truncate_ragged_lines=True).height
            else:
                rows += lines(data)
        except polars.exceptions.PolarsError:
            rows += lines(data) if data else 0
for path in sorted(tables.glob("*.parquet")):
    polars.read_parquet(path).write_parquet(to / path.name, compression="zstd")
print(f"{rows} rows read")
