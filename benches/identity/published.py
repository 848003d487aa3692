"""Leads of a generated publisher as one CSV with truth: python published.py DIR OUT.csv

DIR is what `leadrecon generate` wrote, after a run on it (the run reads the raw leads; its tables/leads.csv is taken as
it stands). Leads that are nobody (test, withheld) are left out, and so are the people only of whom they are.
"""
import csv
import sys

COLUMNS = ["lead_id", "first_name", "last_name", "email", "phone", "company", "title", "country"]


def plain(text):
    """Without the mark that keeps a spreadsheet from reading a formula."""
    return text[1:] if text.startswith("'") else text


def main():
    folder, out = sys.argv[1:3]
    with open(f"{folder}/truth/people.csv", newline="", encoding="utf-8") as f:
        truth = {r["lead_id"]: r for r in csv.DictReader(f)}
    with open(f"{folder}/out/latest/tables/leads.csv", newline="", encoding="utf-8") as f, open(out, "w", newline="", encoding="utf-8") as o:
        writer = csv.writer(o)
        writer.writerow([*COLUMNS, "truth", "trap"])
        for r in csv.DictReader(f):
            known = truth.get(r["lead_id"])
            if known and known["person"] and r["kind"] not in ("test", "withheld"):
                writer.writerow([*(plain(r[c]) for c in COLUMNS), known["person"], known["trap"]])


main()
