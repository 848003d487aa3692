#!/usr/bin/env python3
"""Runs queries/*.sql on DuckDB over the tables of a report and compares what they make with what leadrecon made.

    pip install duckdb
    scripts/queries_on_duckdb.py out/latest/tables

The queries keep to SQL that other engines accept; this proves it for one of them, and that Polars' SQL, which has
silent traps, computed the same. Doubles are compared to a relative 1e-12: engines sum and divide in different orders.
"""

import math
import pathlib
import re
import sys

import duckdb


def reads(text):
    header = re.search(r"^-- reads: (.*)$", text, re.M)
    return [name.strip() for name in header.group(1).split(",")]


def equal(ours, theirs):
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-12)
    return ours == theirs


def main(tables):
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    published = {path.stem: path for path in pathlib.Path(tables).glob("*.parquet")}
    queries = {path.stem: path.read_text() for path in pathlib.Path(__file__, "../../queries").resolve().glob("*.sql")}
    for name, path in published.items():
        if name not in queries:
            connection.execute(f"create view {name} as from read_parquet('{path}')")
    made, different = set(), 0
    while waiting := sorted(set(queries) - made):
        name = next(n for n in waiting if not (set(reads(queries[n])) & set(waiting)))
        connection.execute(f"create table {name} as {queries[name]}")
        made.add(name)
        if name not in published:
            print(f"{name}: runs")
            continue
        columns = [row[0] for row in connection.execute(f"describe {name}").fetchall()]
        theirs = connection.execute(f"select {', '.join(columns)} from {name} order by all").fetchall()
        ours = connection.execute(f"select {', '.join(columns)} from read_parquet('{published[name]}') order by all")
        ours = ours.fetchall()
        wrong = sum(not all(map(equal, a, b)) for a, b in zip(ours, theirs)) + abs(len(ours) - len(theirs))
        different += wrong
        print(f"{name}: {len(ours)} rows, {wrong} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
