#!/usr/bin/env python3
"""What a night costs: generated publishers, first and next night, stage by stage, beside a floor.

    cargo build --release
    benches/night/bench.py                                   # 10,000 and 100,000 leads
    benches/night/bench.py --leads 1000000                   # minutes, gigabytes
    benches/night/bench.py --leads 100000 --strangers 9700000   # a CRM of ten million records, nearly all strangers
    benches/night/bench.py --against OTHER                   # another build in the same run: same bytes? faster?

The next night brings 30 leads more, of which each CRM's export, written anew, shows 27. The floor (floor.py, needs
Polars for Python) merely reads the files and writes the same Parquet. Seconds are of the wall; CPU seconds and memory
are the system's count of the process. Everything is written below --dir and deleted unless --keep is given.
"""

import argparse
import csv
import datetime
import filecmp
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
NEW, ARRIVED = 30, 27
DAY = datetime.timedelta(days=1)


def measured(command, threads=None, quiet=True, good=(0,)):
    """Runs a command: wall seconds, CPU seconds, most memory in MB."""
    environment = dict(os.environ)
    begun = time.monotonic()
    pinned = ["taskset", "-c", f"0-{threads - 1}"] if threads else []
    process = subprocess.Popen([*pinned, *map(str, command)], env=environment,
                               stdout=subprocess.DEVNULL if quiet else None, stderr=subprocess.PIPE, text=True)
    talk = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in good:
        sys.exit(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{talk}")
    return time.monotonic() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def generated(program, folder, leads, seed):
    """A publisher, and its day."""
    told = subprocess.run([program, "generate", folder, "--leads", str(leads), "--seed", str(seed)],
                          check=True, capture_output=True, text=True).stdout
    return datetime.date.fromisoformat(re.search(r"--as-of (\S+)", told).group(1))


def more(folder, day):
    """What the day after brings: leads, and exports that show most of them."""
    at = [datetime.datetime.combine(day + DAY, datetime.time(8)) + datetime.timedelta(minutes=11 * n) for n in range(NEW)]
    offer = "contoso.data-mesh-pro"
    person = [dict(FirstName=f"Nova{n}", LastName=f"Tomorrow{chr(97 + n % 26)}", Email=f"nova{n}@tomorrow{n % 9}.example",
                   Phone=f"+1 617 555 0{n:03}", Country="US", Company=f"Tomorrow {n % 9} Inc", Title="CTO") for n in range(NEW)]
    with open(folder / "raw/table/marketplaceleads-next.ndjson", "w") as file:
        for n in range(NEW):
            entity = {"PartitionKey": f"{day + DAY:%m}", "RowKey": f"00000000-0000-4000-8000-{n:012}",
                      "Timestamp": f"{at[n]:%Y-%m-%dT%H:%M:%S}.0000000Z", "ProductId": offer,
                      "CustomerInfo": json.dumps(person[n]), "LeadSource": "AzureMarketplace", "ActionCode": "PLT",
                      "OfferDisplayName": "Data Mesh Pro", "Description": ""}
            file.write(json.dumps(entity) + "\n")
    source = f"AzureMarketplace-PLT|{offer}"
    for path in sorted((folder / "exports").glob("*/*/leads.csv")):
        with open(path, encoding="utf-8-sig", newline="") as file:
            columns = next(csv.reader(file))
        with open(path, "a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="", quoting=csv.QUOTE_ALL, extrasaction="ignore")
            for n in range(ARRIVED):
                made = at[n] + datetime.timedelta(seconds=40 + n)
                who, stamp = person[n], f"{made:%Y-%m-%dT%H:%M:%S}"
                names = {"First Name": who["FirstName"], "Last Name": who["LastName"], "Company Name": who["Company"],
                         "Job Title": who["Title"], "Phone Number": who["Phone"], "Business Phone": who["Phone"],
                         "Country/Region": who["Country"]}
                writer.writerow(who | names | {
                    "Id": f"00QNEXT{n:011}", "IsDeleted": "false", "LeadSource": source, "Status": "Open - Not Contacted",
                    "IsConverted": "false", "HasOptedOutOfEmail": "false", "Owner.Name": "Sam Okoye",
                    "CreatedDate": f"{stamp}.000Z", "LastModifiedDate": f"{stamp}.000Z",
                    "Record ID": f"99900000{n:03}", "Contact owner": "Sam Okoye", "Lead Status": "New",
                    "Create Date": f"{made:%Y-%m-%d %H:%M}", "Last Modified Date": f"{made:%Y-%m-%d %H:%M}",
                    "Original Source": source,
                    "(Do Not Modify) Lead": f"00000000-0000-4000-9000-{n:012}", "Topic": source,
                    "(Do Not Modify) Modified On": f"{stamp}Z", "Created On": f"{stamp}Z", "Lead Source": "Web",
                    "Owner": "Dana Ortiz", **({"Status": "Open", "Status Reason": "New"} if "Topic" in columns else {}),
                })


def strangers(folder, many):
    """Records of people who left no lead, below those of the Salesforce export."""
    path = next((folder / "exports/salesforce").glob("*/leads.csv"))
    with open(path, encoding="utf-8-sig", newline="") as file:
        columns = next(csv.reader(file))
    chance = random.Random(7)
    first = [f"{a}{b}" for a in ("Bo", "Ka", "Li", "Mo", "Ru", "Ta", "Vi", "Zo") for b in ("rin", "sel", "tam", "vek", "dra", "nis")]
    last = [f"{a}{b}{c}" for a in ("Ab", "Cro", "Dul", "Fe", "Gra", "Hol") for b in ("en", "or", "ik", "ul") for c in ("berg", "sky", "man", "ton", "ova")]
    begun = datetime.datetime(2015, 1, 1)
    with open(path, "a", encoding="utf-8", newline="") as file:
        for n in range(many):
            one, other, firm = chance.choice(first), chance.choice(last), chance.randrange(400_000)
            made = begun + datetime.timedelta(seconds=chance.randrange(300_000_000))
            row = {"Id": f"00QS{n:014}", "IsDeleted": "false", "LastName": f"{other}{n % 977}", "FirstName": one,
                   "Title": "Buyer", "Company": f"Stranger Works {firm} GmbH", "Email": f"{one}.{other}{n}@stranger{firm}.test".lower(),
                   "Phone": f"+49 30 {n:08}", "Country": "Germany", "Description": "Met at a fair, wants the catalogue and a call in spring.",
                   "LeadSource": "Trade Show", "Status": "Working - Contacted", "OwnerId": "0055g00000E5f6gAAA",
                   "Owner.Name": "Sam Okoye", "IsConverted": "false", "HasOptedOutOfEmail": "false",
                   "CreatedDate": f"{made:%Y-%m-%dT%H:%M:%S}.000Z", "LastModifiedDate": f"{made:%Y-%m-%dT%H:%M:%S}.000Z"}
            file.write(",".join(f'"{row.get(column, "")}"' for column in columns) + "\n")


def size(folder):
    """Megabytes below a folder, each inode once."""
    seen, total = set(), 0
    for path in folder.rglob("*"):
        about = path.lstat()
        if about.st_ino not in seen:
            seen.add(about.st_ino)
            total += about.st_size
    return total / 1e6


def night(program, folder, day, arguments):
    """One night: its costs and stages."""
    seconds, cpu, memory = measured(
        [program, "run", "--config", folder / "leadrecon.toml", "--as-of", day, "-q"], arguments.threads, good=(0, 1, 3))
    out = folder / "out" / str(day)
    stages = json.loads((out / "manifest.json").read_text())["stages"]
    return {"seconds": seconds, "cpu": cpu, "memory": memory, "out": size(out), "stages": stages}


def differences(one, other):
    """Published files of two builds that differ; the manifest tells of the run itself."""
    names = {str(path.relative_to(folder)) for folder in (one, other) for path in folder.rglob("*") if path.is_file()}
    is_equal = lambda name: all((folder / name).is_file() for folder in (one, other)) and filecmp.cmp(one / name, other / name, False)
    return sorted(name for name in names if name != "manifest.json" and not is_equal(name))


def show(title, nights):
    print(f"\n### {title}\n\n| | " + " | ".join(nights) + " |\n|---|" + "---|" * len(nights))
    for name, unit, key in [("wall", "s", "seconds"), ("CPU", "s", "cpu"), ("most memory", "MB", "memory"), ("out/ of the night", "MB", "out")]:
        cells = [f"{night[key]:.1f} {unit}" if night[key] is not None else "" for night in nights.values()]
        print(f"| {name} | " + " | ".join(cells) + " |")
    names = [stage["done"] for night in nights.values() for stage in night["stages"]]
    for name in dict.fromkeys(names):
        cells = []
        for night in nights.values():
            stage = next((stage for stage in night["stages"] if stage["done"] == name), None)
            cells.append(f"{stage['seconds']:.2f} s, {stage['cpu_seconds']:.2f} CPU s" if stage else "")
        print(f"| {name} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leads", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--strangers", type=int, default=0, help="records of nobody's lead, added to the Salesforce export")
    parser.add_argument("--program", type=pathlib.Path, default=HERE.parent.parent / "target/release/leadrecon")
    parser.add_argument("--against", type=pathlib.Path, help="another build, run first on the same files and compared byte by byte")
    parser.add_argument("--threads", type=int, help="run on so many cores")
    parser.add_argument("--no-floor", action="store_true")
    parser.add_argument("--dir", type=pathlib.Path, help="where to work; a temporary folder by default")
    parser.add_argument("--keep", action="store_true", help="leave the files there")
    arguments = parser.parse_args()
    base = arguments.dir or pathlib.Path(tempfile.mkdtemp(prefix="night-"))
    base.mkdir(parents=True, exist_ok=True)
    differing = 0
    for leads in arguments.leads:
        folder = base / f"{leads}"
        shutil.rmtree(folder, ignore_errors=True)
        day = generated(arguments.program, folder, leads, arguments.seed)
        if arguments.strangers:
            strangers(folder, arguments.strangers)
        builds = {"before": arguments.against} if arguments.against else {}
        builds["now"] = arguments.program
        nights = {}
        for which, when in [("first", day), ("next", day + DAY)]:
            if which == "next":
                more(folder, day)
            for build, program in builds.items():
                # Each build has its own state and output beside the same files.
                for name in ("state", "out"):
                    (folder / f"{name}-{build}").mkdir(exist_ok=True)
                    (folder / name).unlink(missing_ok=True)
                    (folder / name).symlink_to(f"{name}-{build}")
                nights[f"{which} night" + (f", {build}" if len(builds) > 1 else "")] = night(program, folder, when, arguments)
            if not arguments.no_floor:
                used = measured([sys.executable, HERE / "floor.py", folder, folder / f"out-now/{when}/tables", folder / "floor"], arguments.threads)
                nights[f"floor of the {which}"] = dict(zip(("seconds", "cpu", "memory"), used), out=size(folder / "floor"), stages=[])
            if arguments.against:
                found = differences(folder / f"out-before/{when}", folder / f"out-now/{when}")
                differing += len(found)
                print(f"{leads} leads, {which} night: " + (f"differ: {', '.join(found)}" if found else "same bytes"), flush=True)
        show(f"{leads:,} leads" + (f", {arguments.strangers:,} strangers" if arguments.strangers else ""), nights)
        print(f"\nstate {size(folder / 'state'):.0f} MB, both nights in out/ {size(folder / 'out'):.0f} MB", flush=True)
        if not arguments.keep:
            shutil.rmtree(folder)
    if not arguments.keep and not arguments.dir:
        shutil.rmtree(base)
    sys.exit(1 if differing else 0)


main()
