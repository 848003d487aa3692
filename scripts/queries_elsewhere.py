#!/usr/bin/env python3
"""Runs queries/*.sql and queries/checks/*.sql on another engine, over the published tables of a night, and compares.

    pip install -r scripts/engines.txt        # Spark needs Java 17
    scripts/queries_elsewhere.py duckdb out/latest/tables
    scripts/queries_elsewhere.py spark  out/latest/tables

A publisher who outgrows one machine takes the same SQL and the same Parquet to an engine that exists already. This
proves it for two of them, and that Polars' SQL, which has silent traps, computed the same: every row and every column
of a published table is compared, every check must return nothing. Doubles may differ in the last digit, because
Polars turns a decimal into a double by a division that rounds once more; all else is equal.
"""

import datetime
import math
import os
import pathlib
import re
import sys
import tempfile

QUERIES = pathlib.Path(__file__).resolve().parent.parent / "queries"
CLOSE = 4 * sys.float_info.epsilon


class DuckDB:
    def __init__(self):
        import duckdb

        self.connection = duckdb.connect()
        self.connection.execute("set timezone = 'UTC'")

    def table(self, name, parquet):
        self.connection.execute(f"create view {name} as from read_parquet('{parquet}')")

    def keep(self, name, sql):
        self.connection.execute(f"create table {name} as {sql}")

    def rows(self, sql):
        answer = self.connection.execute(sql)
        return [column[0] for column in answer.description], answer.fetchall()

    def parquet(self, path):
        return self.rows(f"from read_parquet('{path}')")


class Spark:
    def __init__(self):
        os.environ["TZ"] = "UTC"
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master("local[2]").appName("queries")
        settings = {
            "spark.sql.session.timeZone": "UTC",
            # For tables of a few thousand rows: planning and compiling cost more than computing.
            "spark.sql.shuffle.partitions": "1",
            "spark.sql.adaptive.enabled": "false",
            "spark.sql.codegen.wholeStage": "false",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.warehouse.dir": tempfile.mkdtemp(),
        }
        for key, value in settings.items():
            builder = builder.config(key, value)
        self.session = builder.getOrCreate()
        self.session.sparkContext.setLogLevel("ERROR")

    def table(self, name, parquet):
        self.session.read.parquet(str(parquet)).createOrReplaceTempView(name)

    def keep(self, name, sql):
        self.session.sql(sql).cache().createOrReplaceTempView(name)

    def rows(self, sql):
        frame = self.session.sql(sql)
        return frame.columns, [tuple(row) for row in frame.collect()]

    def parquet(self, path):
        frame = self.session.read.parquet(str(path))
        return frame.columns, [tuple(row) for row in frame.collect()]


def header(text, field):
    return [name.strip() for name in re.search(rf"^-- {field}: +(.*)$", text, re.M).group(1).split(",")]


def plain(value):
    """A time is a time, with a zone beside it or not: all are UTC."""
    if isinstance(value, datetime.datetime) and value.tzinfo:
        return value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return value


def equal(ours, theirs):
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=CLOSE)
    return ours == theirs


def by_key(columns, rows, key):
    """Rows by their key: engines collate texts differently, so no order is compared."""
    places = [columns.index(name) for name in key]
    return {tuple(plain(row[place]) for place in places): [plain(value) for value in row] for row in rows}


def compare(name, text, ours, theirs):
    """How many rows differ; the first few are told by key and column, never by what stands in them."""
    key, wrong = header(text, "key"), 0
    (our_columns, our_rows), (their_columns, their_rows) = ours, theirs
    missing = sorted(set(their_columns) - set(our_columns))
    if missing:
        print(f"{name}: the published table lacks {', '.join(missing)}")
        return 1
    mine, others = by_key(our_columns, our_rows, key), by_key(their_columns, their_rows, key)
    wrong += len(set(mine) ^ set(others)) + abs(len(our_rows) - len(mine)) + abs(len(their_rows) - len(others))
    for at in sorted(set(mine) & set(others), key=repr):
        pairs = [(c, mine[at][our_columns.index(c)], value) for c, value in zip(their_columns, others[at])]
        different = [column for column, a, b in pairs if not equal(a, b)]
        if different:
            wrong += 1
            if wrong <= 3:
                print(f"{name}: {', '.join(different)} differ")
    print(f"{name}: {len(our_rows)} rows, {wrong} different")
    return wrong


def main(engine, tables):
    engine = {"duckdb": DuckDB, "spark": Spark}[engine]()
    published = {path.stem: path for path in pathlib.Path(tables).glob("*.parquet")}
    queries = {path.stem: path.read_text() for path in QUERIES.glob("*.sql")}
    if not published:
        sys.exit(f"no Parquet files in {tables}")
    for name in sorted(set(published) - set(queries)):
        engine.table(name, published[name])
    made, wrong = set(), 0
    while waiting := sorted(set(queries) - made):
        name = next(n for n in waiting if not (set(header(queries[n], "reads")) & set(waiting)))
        engine.keep(name, queries[name])
        made.add(name)
        if name in published:
            theirs = engine.rows(f"select * from {name}")
            wrong += compare(name, queries[name], engine.parquet(published[name]), theirs)
        else:
            print(f"{name}: {len(engine.rows(f'select * from {name}')[1])} rows, not published")
    for path in sorted((QUERIES / "checks").glob("*.sql")):
        broken = len(engine.rows(path.read_text())[1])
        wrong += broken
        print(f"check {path.stem}: {'holds' if broken == 0 else f'{broken} rows break it'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("duckdb", "spark"):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2]))
