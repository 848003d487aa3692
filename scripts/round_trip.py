#!/usr/bin/env python3
"""Writes tables with other programs' writers and has them read: every cell must come back.

Python's csv writer in each charset, delimiter, way of quoting and line end, over cells chosen at random; and where
LibreOffice is installed (`soffice`), the same tables saved by it as CSV in several charsets and delimiters, as .xlsx and
as .ods. Each file is the export of a destination of its own, and the published records are compared with what was written.

usage: scripts/round_trip.py PROGRAM [SEED]
"""
import csv
import io
import itertools
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM, SEED = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 1
HEADER = ["Lead ID", "First Name", "Last Name", "Email", "Company", "Title", "Lead Source", "Created Date"]
FIELDS = ["record_id", "first_name", "last_name", "email", "company", "title", "lead_source", "created_at"]
LETTERS = "abcXYZ ,;|\t\"'éÄß€&%#"
ROWS, AT_ONCE = 12, 36


def cells(random, charset):
    """A text that a person may have typed: no blanks at its ends, no placeholder, nothing the charset has not. Bytes of
    windows-1252 that are by accident those of another letter in UTF-8 (Ä€) nobody can tell: no sign follows a letter."""
    letters = LETTERS.replace("€", "") if charset == "cp1252" else LETTERS
    while True:
        text = "".join(random.choice(letters) for _ in range(random.randint(2, 14))).strip(" \t'\"")
        text = random.choice([text, text + "\nsecond line", text]) if random.random() < 0.2 else text
        if len(text) > 1 and text.encode(charset, "ignore").decode(charset) == text and text[0].isalpha():
            return text


def table(seed, charset):
    chosen = random.Random(seed)
    rows = []
    for n in range(ROWS):
        text = lambda: cells(chosen, charset)
        rows.append([f"id-{n}", text(), text(), f"p{n}@firm{n}.example", text(), text(), "AzureMarketplace-INS|contoso.mesh",
                     f"2026-04-{n + 1:02}T08:03:{n:02}Z"])
    return rows


def by_python(folder):
    charsets = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]
    quoting = {"minimal": csv.QUOTE_MINIMAL, "all": csv.QUOTE_ALL, "nonnumeric": csv.QUOTE_NONNUMERIC}
    made = {}
    combinations = itertools.product(charsets, [",", ";", "\t", "|"], quoting, ["\n", "\r\n", "\r"])
    for n, (charset, delimiter, how, end) in enumerate(combinations):
        text = io.StringIO()
        writer = csv.writer(text, delimiter=delimiter, quoting=quoting[how], lineterminator=end)
        rows = table(SEED * 1000 + n, charset)
        # A carriage return alone that ends rows cannot stand beside a line feed inside cells.
        rows = [[cell.replace("\n", " ") if end == "\r" else cell for cell in row] for row in rows]
        writer.writerows([HEADER, *rows])
        name = f"py-{n}"
        (folder / "exports" / name).mkdir(parents=True)
        (folder / "exports" / name / "leads.csv").write_bytes(text.getvalue().encode(charset))
        made[name] = (rows, f"{charset} {delimiter!r} {how} {end!r}")
    return made


def by_office(folder):
    """Field separator, text delimiter, charset (76 UTF-8, 1 windows-1252, 65535 UTF-16), first line, formats, language,
    quote all, numbers as shown."""
    if not shutil.which("soffice"):
        print("LibreOffice is not installed: its files are not tried")
        return {}
    made = {}
    kinds = [("csv", f"csv:Text - txt - csv (StarCalc):{separator},34,{charset},1,,{language},{all_quoted},true")
             for separator, charset, language, all_quoted in
             itertools.product([44, 59, 9, 124], [76, 1, 65535], [1033, 1031], ["true", "false"])]
    kinds += [("xlsx", "xlsx"), ("ods", "ods")]
    rows = table(SEED, "cp1252")
    source = folder / "source.csv"
    with open(source, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    opened = "--infilter=Text - txt - csv (StarCalc):44,34,76,1,1/2/2/2/3/2/4/2/5/2/6/2/7/2/8/2"
    for n, (kind, to) in enumerate(kinds):
        name = f"office-{n}"
        out = folder / "exports" / name
        out.mkdir(parents=True)
        subprocess.run(["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", opened, "--convert-to",
                        to, "--outdir", str(out), str(source)], check=True, capture_output=True, timeout=300)
        made[name] = (rows, to)
    return made


def read(folder, names):
    config = '[[source]]\nname = "none"\nkind = "files"\npath = "raw/*"\n'
    for name in names:
        config += f'[[destination]]\nname = "{name}"\nkind = "csv"\nexport = ["exports/{name}/*"]\ntimezone = "UTC"\n'
    (folder / "raw").mkdir(exist_ok=True)
    (folder / "raw" / "one.json").write_text('{"Email":"a@b.example","LeadSource":"AzureMarketplace-INS|contoso.mesh"}')
    (folder / "leadrecon.toml").write_text(config)
    for folder_of in ("out", "state"):
        shutil.rmtree(folder / folder_of, ignore_errors=True)
    run = subprocess.run([PROGRAM, "run", "--as-of", "2026-05-02"], cwd=folder, capture_output=True, text=True)
    if run.returncode not in (0, 3):
        sys.exit(run.stderr)
    asked = subprocess.run([PROGRAM, "query", "select * from crm_records", "--csv"], cwd=folder, capture_output=True, check=True)
    found = list(csv.DictReader(io.StringIO(asked.stdout.decode(), newline="")))
    return {name: [row for row in found if row["destination"] == name] for name in names}, run.stderr


def said(row):
    """A published row as it was written: CSV for people has an apostrophe before what could be a formula."""
    cells = [row[field] for field in FIELDS]
    return [cell[1:] if cell.startswith("'") else cell for cell in cells[:-1]] + [cells[-1][:19] + "Z"]


def main():
    wrong = tried = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        made = by_python(folder) | by_office(folder)
        names = list(made)
        for start in range(0, len(names), AT_ONCE):
            some = names[start:start + AT_ONCE]
            found, told = read(folder, some)
            for name in some:
                rows, how = made[name]
                # Line ends inside a cell are those of the file.
                plain = lambda cell: cell.replace("\r\n", "\n").replace("\r", "\n")
                got = sorted([plain(cell) for cell in said(row)] for row in found[name])
                tried += 1
                if got != sorted(rows):
                    wrong += 1
                    differ = [(w, g) for w, g in zip(sorted(rows), got) if w != g][:1]
                    print(f"WRONG {how}: {len(got)} of {len(rows)} rows, {differ}")
    print(f"{tried} files, {wrong} of them not as they were written")
    return 1 if wrong else 0


sys.exit(main())
