#!/usr/bin/env python3
"""Opens what leadrecon hands to people and CRMs with readers that are not ours.

    cargo build && scripts/check_handouts.py target/debug/leadrecon

Makes the demo in a folder of its own, then:

- call-list.xlsx, undivided and divided by country, owner and offer: its XML holds no formula, link or macro; LibreOffice
  (`soffice`, headless) converts every sheet to CSV; what it shows is compared with `missed_leads`, `leads`, `people`
  and `crm_records`: each open person once and nobody else, phones and ids as typed, and what sales fill in is settled
  when LibreOffice's own CSV is saved as `worked.csv`.
- the import files: Salesforce (Data Loader, Bulk API 2.0), Dynamics, Marketo, HubSpot and HTTPS bodies are parsed by
  Python's csv with strict=True, or json, and held against each import's published rules; with simple_salesforce
  installed, the Salesforce file is also cut into upload parts by its Bulk API 2.0 client, with pandas read once more,
  and with openpyxl the workbook.

Needs Python 3.9 and LibreOffice Calc. Exits 1 with the first thing that is wrong.
"""

import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

csv.field_size_limit(1 << 24)


def run(binary, folder, *args, status=0):
    done = subprocess.run([binary, *args], cwd=folder, capture_output=True, text=True)
    if done.returncode != status:
        sys.exit(f"leadrecon {' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def must(condition, text):
    if not condition:
        sys.exit(f"WRONG: {text}")


def table(folder, name):
    with open(folder / "out/latest/tables" / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def sheets_by_libreoffice(path, work):
    """Each sheet as LibreOffice shows it: name to rows of texts."""
    out = work / f"csv-{path.parent.name}-{len(list(work.glob('csv-*')))}"
    out.mkdir()
    # Token 12, -1: every sheet; UTF-8, quoted texts, cells as shown.
    subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{work}/office", "--headless", "--convert-to",
         "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1", "--outdir", str(out), str(path)],
        check=True, capture_output=True, timeout=300)
    found = {}
    for file in sorted(out.glob("*.csv")):
        name = file.stem.removeprefix(path.stem + "-")
        with open(file, encoding="utf-8-sig", newline="") as text:
            found[name] = list(csv.reader(text, strict=True))
    return found


def no_formula(path):
    with zipfile.ZipFile(path) as book:
        must(book.testzip() is None, f"{path}: damaged zip")
        for name in book.namelist():
            text = book.read(name).decode("utf-8", "replace")
            must(not re.search(r"<f[ >/]", text), f"{name}: a formula")
            must("vbaProject" not in name and "externalLink" not in name, f"{name}: code or a link")
            must("<hyperlink" not in text, f"{name}: a link")


def check_call_list(folder, work, split):
    """What LibreOffice shows against the tables. Gives the headings and rows of all sheets."""
    path = folder / "out/latest/call-list.xlsx"
    no_formula(path)
    sheets = sheets_by_libreoffice(path, work)
    must(sheets, "LibreOffice shows no sheet")
    missed = table(folder, "missed_leads")
    leads = {row["lead_id"]: row for row in table(folder, "leads")}
    records = table(folder, "crm_records")
    findings = table(folder, "findings")
    verdicts = {(row["lead_id"], row["destination"]): row for row in table(folder, "reconciliation")}
    gated = {row["destination"] for row in findings if row["code"] == "export-incomplete"}
    opted = [row for row in records if row["opted_out"] == "true"]
    out_people = {row["person_id"] for row in opted if row["person_id"]}
    out_mail = {row["email"].strip().lower() for row in opted if row["email"]}
    expected = {}
    for row in missed:
        silent = row["person_id"] in out_people or row["email"].strip().lower() in out_mail
        if row["status"] in ("new", "open", "replayed") and row["destination"] not in gated and not silent:
            expected.setdefault(row["person_id"], set()).add(row["lead_id"])
    head = None
    shown = []
    for name, rows in sheets.items():
        must(head is None or rows[0] == head, f"{name}: other headings")
        head = rows[0]
        for row in rows[1:]:
            must(len(row) == len(head), f"{name}: a row of another length")
            shown.append((name, dict(zip(head, row))))
    must(len(shown) == len(expected), f"{len(shown)} rows, {len(expected)} people to call")
    phones = 0
    for name, row in shown:
        ids = row["Lead ID"].split()
        must(set(ids) in expected.values(), f"{name}: {ids} is not one open person")
        for one in ids:
            must(re.fullmatch("[0-9a-f]{16}", one), f"{one}: an id that is no text")
            must(leads[one]["kind"] == "genuine", f"{one}: {leads[one]['kind']}")
            for (lead, _), verdict in verdicts.items():
                must(lead != one or verdict["reason"] != "repeat-delivery", f"{one}: a repeat")
        typed = {leads[one]["phone"] for one in ids} | {""}
        if row["Phone"] in typed:
            phones += row["Phone"] != ""
        else:  # the person's phone of another lead
            must(any(row["Phone"] == lead["phone"] for lead in leads.values()), f"{name}: phone {row['Phone']!r} as never typed")
        must(row["Outcome"] == row["Note"] == "", "outcome and note are filled in")
        must(row["Do"] and row["What to say"] and row["What they did"], f"{ids}: nothing to do or say")
    for value in (cell for _, row in shown for cell in row.values()):
        must(not value.startswith(("=", "@")) and not value.startswith(("#NAME", "#REF", "Err:")), f"a cell acts as a formula: {value!r}")
    stages = {"bought": 0, "asked to be contacted about": 1, "asked for": 2, "started a test drive of": 3, "showed interest in": 4}
    if split is None:
        news = [row["Status"] for _, row in shown]
        order = ["new", "open", "replayed"]
        must(news == sorted(news, key=order.index), "not newest status first")
        first = [min((s for t, s in stages.items() if row["What they did"].startswith(t)), default=9) for _, row in shown if row["Status"] == "new"]
        must(first == sorted(first), "not the nearest to money first")
    told = Counter(row["Do"].split(":")[0].split(" ")[0] for _, row in shown)
    print(f"  call list, split by {split or 'nothing'}: {len(sheets)} sheets, {len(shown)} people; to do {dict(told)}; "
          f"{sum(row['Colleagues in the CRM'] != '' for _, row in shown)} with colleagues, {phones} phones as typed")
    return sheets


# ---------------------------------------------------------------------------------------------------------------------

RULES = {
    # kind: (byte order mark, line end outside quotes, required, most bytes, header form)
    "salesforce": (False, "\n", ["LastName", "Company"], 100 << 20, r"[A-Za-z][A-Za-z0-9_]*"),
    "dynamics": (True, "\r\n", ["Topic", "Last Name"], 8 << 20, r"[^,\"]+"),
    "marketo": (False, "\n", ["email"], 10 << 20, r"[A-Za-z][A-Za-z0-9_]*"),
    "hubspot": (False, "\n", ["Email"], 512 << 20, r"[^,\"]+"),
}
LONGEST = {
    "salesforce": {"FirstName": 40, "LastName": 80, "Email": 80, "Phone": 40, "Company": 255, "Title": 128, "Country": 80, "LeadSource": 255, "Description": 32000},
    "dynamics": {"Topic": 300, "First Name": 50, "Last Name": 50, "Email": 100, "Business Phone": 50, "Company Name": 100, "Job Title": 100, "Country/Region": 80, "Description": 2000},
    "marketo": {"leadSource": 255, "email": 255},
    "hubspot": {},
}
MAIL = {"salesforce": "Email", "dynamics": "Email", "marketo": "email", "hubspot": "Email"}


def check_import(kind, path):
    bom, end, required, most, form = RULES[kind]
    raw = path.read_bytes()
    must(len(raw) < most, f"{path.name}: {len(raw)} bytes")
    must(raw.startswith(b"\xef\xbb\xbf") == bom, f"{path.name}: byte order mark")
    text = raw.decode("utf-8-sig", "strict")
    must("\x00" not in text, "a zero byte")
    outside = "".join(text.split('"')[::2])
    must(outside.replace("\r\n", "\n").count("\n") == outside.count(end), f"{path.name}: mixed line ends")
    must(end == "\r\n" or "\r" not in outside, f"{path.name}: a bare carriage return outside quotes")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    head, rows = rows[0], rows[1:]
    must(len(set(head)) == len(head) and all(re.fullmatch(form, h) for h in head), f"{path.name}: header {head}")
    must(all(len(row) == len(head) for row in rows), f"{path.name}: rows of another length")
    for row in (dict(zip(head, row)) for row in rows):
        for name in required:
            must(row[name].strip(), f"{path.name}: {name} is empty")
        for name, longest in LONGEST[kind].items():
            must(len(row[name]) <= longest, f"{path.name}: {name} has {len(row[name])} characters")
        mail = row[MAIL[kind]]
        must(not mail or re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;]+", mail), f"{path.name}: {mail!r} is no address")
        must(kind != "marketo" or mail.isascii(), f"{path.name}: {mail!r} is not ASCII")
    return [dict(zip(head, row)) for row in rows]


def check_salesforce_upload(path):
    """The Bulk API 2.0 client of simple_salesforce cuts the file into parts and counts its records."""
    try:
        from simple_salesforce import bulk2
    except ImportError:
        return "simple_salesforce is not installed: not cut by it"
    records = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""), strict=True))[1:]
    parts = list(bulk2._split_csv(filename=str(path), max_records=10))
    counted = sum(n for n, _ in parts)
    must(counted == len(records), f"{path.name}: {counted} lines for {len(records)} records")
    return f"cut by simple_salesforce's Bulk API 2.0 client into {len(parts)} parts of {counted} records"


def check_pandas(path, rows):
    try:
        import pandas
    except ImportError:
        return "pandas is not installed"
    frame = pandas.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    must(frame.to_dict("records") == rows, f"{path.name}: pandas reads something else")
    return f"pandas reads the same {len(frame)} rows"


def check_openpyxl(path):
    try:
        import openpyxl
    except ImportError:
        return "openpyxl is not installed"
    book = openpyxl.load_workbook(path)
    cells = formulas = 0
    for sheet in book.worksheets:
        head = [cell.value for cell in sheet[1]]
        for row in sheet.iter_rows(min_row=2):
            for title, cell in zip(head, row):
                cells += 1
                formulas += cell.data_type == "f"
                must(title not in ("Phone", "Lead ID") or cell.value is None or (cell.data_type == "s" and cell.number_format == "@"),
                     f"{title} {cell.coordinate} is no text")
    must(formulas == 0, "formulas")
    return f"openpyxl reads {cells} cells of {len(book.worksheets)} sheets, no formula, phones and ids are texts"


def main():
    binary = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "target/debug/leadrecon")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        folder = work / "demo"
        run(binary, work, "demo", str(folder))
        config = (folder / "leadrecon.toml").read_text(encoding="utf-8")
        day = os.readlink(folder / "out/latest")
        again = ("run", "--as-of", day, "--offline")

        print("call-list.xlsx in LibreOffice")
        sheets = check_call_list(folder, work, None)
        print("  " + check_openpyxl(folder / "out/latest/call-list.xlsx"))

        print("import files")
        missed = {row["lead_id"]: row for row in table(folder, "missed_leads")}
        for kind in ["salesforce", "dynamics", "marketo", "hubspot", "https"]:
            # The same missed leads in every kind's form: the tables of the last run stay, the kind alone changes.
            text = config.replace('name = "salesforce"\nkind = "salesforce"', f'name = "salesforce"\nkind = "{kind}"')
            (folder / f"{kind}.toml").write_text(text, encoding="utf-8")
            before = set(folder.glob("out/replay/*"))
            told = json.loads(run(binary, folder, "--json", "--config", f"{kind}.toml", "replay", "salesforce", "--again"))
            new = set(folder.glob("out/replay/*")) - before
            file, fix = folder / told["file"], told["fix"] and folder / told["fix"]
            must(new == {f for f in (file, fix) if f}, f"{kind}: files {new}")
            open_leads = [row for row in missed.values() if row["destination"] == "salesforce" and row["status"] in ("new", "open")]
            must(len(told["lead_ids"]) + told["to_fix"] + told["silenced"] == len(open_leads), f"{kind}: a lead is lost on the way back")
            if kind == "https":
                bodies = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
                for body, lead in zip(bodies, told["lead_ids"]):
                    must({"userDetails", "leadSource", "actionCode", "offerTitle", "description"} <= set(body), f"https: {list(body)}")
                    must(set(body["userDetails"]) == {"firstName", "lastName", "email", "phone", "country", "company", "title"}, "https: userDetails")
                    must(all(isinstance(v, str) for v in body["userDetails"].values()), "https: not texts")
                    must(lead in body["description"] and "Received 20" in body["description"], "https: time and reason")
                print(f"  https: {len(bodies)} bodies, one JSON object a line")
                continue
            rows = check_import(kind, file)
            must(len(rows) == len(told["lead_ids"]), f"{kind}: rows")
            if kind == "salesforce":
                for row, lead in zip(rows, told["lead_ids"]):
                    must(re.fullmatch(r"[^|]+-[A-Za-z]+\|.+", row["LeadSource"], re.S), f"LeadSource {row['LeadSource']!r}")
                    must(f"lead {lead}" in row["Description"], "the description names another lead")
                print("  salesforce: " + check_salesforce_upload(file))
            print(f"  {kind}: {len(rows)} records read by csv, strict; {check_pandas(file, rows)}; {told['to_fix']} in -fix")

        print("divided, and read back")
        for split in ["country", "owner", "offer"]:
            (folder / "leadrecon.toml").write_text(config + f'\n[call_list]\nsplit_by = "{split}"\n', encoding="utf-8")
            run(binary, folder, *again)
            check_call_list(folder, work, split)
        # What LibreOffice saves is what `worked` reads: the first three people are settled.
        (folder / "leadrecon.toml").write_text(config, encoding="utf-8")
        rows = next(iter(sheets.values()))
        outcome = rows[0].index("Outcome")
        settled = set()
        for row in rows[1:4]:
            row[outcome] = "Called"
            settled |= set(row[rows[0].index("Lead ID")].split())
        with open(folder / "worked.csv", "w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file, delimiter=";").writerows(rows)
        run(binary, folder, *again)
        closed = {row["lead_id"] for row in table(folder, "missed_leads") if row["status"] == "closed"}
        must(closed == settled, f"settled {closed ^ settled}")
        check_call_list(folder, work, None)
        print("all is as it should be")


if __name__ == "__main__":
    main()
