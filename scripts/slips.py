#!/usr/bin/env python3
"""Plays slips of people on a generated publisher, and holds every night against the one without the slip.

    scripts/slips.py PROGRAM [--slips 200] [--seed 1] [--leads 240] [--jobs 2] [--only KIND] [--only-from N] [--only-to N] [--keep FOLDER]

A publisher is generated; its first night is reported as a person would have set it up. Then, again and again, from the same
beginning: something is done wrong, the next night runs, the slip is mended, and the night runs again. A slip may cost its
night's knowledge. It must not end in

    crash          the program was killed, or ended with a status that it does not document
    all-clear      the headline says that nothing is lost, or a lost lead counts as delivered, and nobody is told otherwise
    false-call     somebody is on the call list who was delivered, or settled before
    leaked         a credential stands in any byte that was written or said
    lost-landing   after mending, a lead of before is gone, or the night does not say what it says without the slip

Run as root it runs the program as another user, since nothing is unreadable to root. Exit 1 if any slip ended so.
"""

import argparse
import collections
import concurrent.futures
import csv
import datetime
import gzip
import http.server
import io
import json
import os
import pathlib
import random
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import zipfile

FIRST, NIGHT, AFTER = "2025-02-26", "2025-03-01", "2025-03-02"
SIGNATURE = "c2xpcHMgb2YgcGVvcGxlIGFyZSBwbGF5ZWQgaGVyZSE="
SAS = "sv=2022-11-02&ss=b&srt=co&sp=rl&se=2099-01-01T00%3A00%3A00Z&sig=" + urllib.parse.quote(SIGNATURE, safe="")
KEY = "q7Zs0LmV2xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq7K1SZFPTOtrLKBHBeksoGMGw=="
PASSWORD = "correct-horse-7-battery-staple"
CANARIES = [SIGNATURE, urllib.parse.quote(SIGNATURE, safe=""), SIGNATURE[8:36], KEY, KEY[10:70], PASSWORD]
CRMS = ["salesforce", "hubspot", "dynamics"]
STATUSES = {0, 1, 2, 3, 4}
NOBODY = 65534


class Container(http.server.BaseHTTPRequestHandler):
    """A blob container: any folder under the server's root, behind one signature."""

    root = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        address = urllib.parse.urlsplit(self.path)
        asked = urllib.parse.parse_qs(address.query)
        run, container, *blob = urllib.parse.unquote(address.path).strip("/").split("/", 2)
        folder = pathlib.Path(self.root) / run / "raw" / container
        if asked.get("sig") != [SIGNATURE]:
            # As careless as a proxy: it repeats what it was asked.
            return self.answer(403, self.path.encode(), {"x-ms-error-code": "AuthenticationFailed"})
        if asked.get("comp") == ["list"]:
            found = sorted(path for path in folder.rglob("*") if path.is_file())
            blobs = "".join(self.entry(path, path.relative_to(folder)) for path in found)
            text = f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="http://x/" ContainerName="{container}"><Blobs>{blobs}</Blobs><NextMarker /></EnumerationResults>'
            return self.answer(200, text.encode(), {"Content-Type": "application/xml"})
        data = (folder / blob[0]).read_bytes()
        status, headers = 200, {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", "ETag": "0x1", "x-ms-blob-type": "BlockBlob",
                                "x-ms-creation-time": DATE, "Last-Modified": DATE, "x-ms-lease-status": "unlocked",
                                "x-ms-lease-state": "available", "x-ms-server-encrypted": "true"}
        wanted = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("x-ms-range") or self.headers.get("Range") or "")
        if wanted:
            first, last = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            status, data = 206, data[first:last + 1]
        self.answer(status, data, headers)

    def entry(self, path, name):
        return (f"<Blob><Name>{name}</Name><Properties><Creation-Time>{DATE}</Creation-Time><Last-Modified>{DATE}</Last-Modified>"
                f"<Etag>0x1</Etag><Content-Length>{path.stat().st_size}</Content-Length><Content-Type>application/octet-stream</Content-Type>"
                "<BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
                "<ServerEncrypted>true</ServerEncrypted></Properties></Blob>")

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in {"x-ms-version": "2022-11-02", "x-ms-request-id": "00000000-0000-4000-8000-000000000000", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


DATE = "Sat, 01 Mar 2025 00:00:00 GMT"


# The publisher -------------------------------------------------------------------------------------------------------

class Publisher:
    """A folder with its configuration, and what became of its night."""

    def __init__(self, folder, program):
        self.folder, self.program = pathlib.Path(folder), program
        self.env = {"LEADS_SAS": SAS}

    def run(self, *args, env=None):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **(self.env if env is None else env)}
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run([self.program, *args], cwd=self.folder, env=environment, capture_output=True, timeout=600, **user)
        self.said = (done.stdout + done.stderr).decode("utf-8", "replace")
        self.output = done.stdout.decode("utf-8", "replace")
        return done.returncode

    def night(self, day):
        self.status = self.run("run", "--as-of", day, "-v")
        self.talk = self.said
        folder = self.folder / "out" / day
        self.summary = json.loads((folder / "summary.json").read_text()) if folder.is_dir() else None
        return self.status

    def table(self, sql):
        assert self.run("query", "--json", "-q", sql) == 0, self.said
        return json.loads(self.said)["rows"]

    def verdicts(self):
        rows = self.table("select lead_id, destination, verdict, reason from reconciliation")
        named = lambda row: (row["lead_id"], row["destination"], row["verdict"], row["reason"])
        return {named(row)[:2]: named(row)[2:] for row in rows}

    def called(self, day):
        path = self.folder / "out" / day / "call-list.xlsx"
        if not path.exists():
            return set()
        with zipfile.ZipFile(path) as book:
            text = "".join(book.read(name).decode() for name in book.namelist() if name.endswith(".xml"))
        return set(re.findall(r"[\w.+-]+@[\w.-]+\.\w+", text))

    def leaks(self):
        found = [canary for canary in CANARIES if canary in self.talk or canary in self.said]
        for place in ["out", "state"]:
            for path in (self.folder / place).rglob("*"):
                if path.is_file() and not path.is_symlink():
                    data = readable(path)
                    found += [f"{path.name}: {c[:6]}…" for c in CANARIES if c.encode() in data]
        return found


def readable(path):
    data = path.read_bytes()
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            data += b"".join(book.read(name) for name in book.namelist())
    if data[:2] == b"\x1f\x8b":
        data += gzip.decompress(data)
    return data


def own(folder):
    """Gives a folder to the user that the program runs as."""
    if os.geteuid() == 0:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def set_up(folder, program, leads, seed):
    """A publisher after its first night, with the inputs of the next one beside it."""
    plain = folder / "generated"
    subprocess.run([program, "generate", plain, "--leads", str(leads), "--seed", str(seed), "-q"], check=True, capture_output=True)
    day = re.search(r'exports/salesforce/([\d-]+)/', (plain / "leadrecon.toml").read_text())[1]
    global FIRST, NIGHT, AFTER
    NIGHT = day
    last = datetime.date.fromisoformat(day)
    FIRST, AFTER = str(last - datetime.timedelta(days=3)), str(last + datetime.timedelta(days=1))
    text = (plain / "leadrecon.toml").read_text().replace(f"/{day}/*", "/*/*")
    text = text.replace('kind = "files"\npath = "raw/blobs/**/*"',
                        'kind = "azure-blob"\ncontainer = "blobs"\nendpoint = "{server}/{run}"\nauth = { sas_env = "LEADS_SAS" }')
    assert "azure-blob" in text
    (plain / "leadrecon.toml").write_text(text)
    shutil.rmtree(plain / "truth")
    night = folder / "night"
    for crm in CRMS:
        source = plain / "exports" / crm
        (night / crm).mkdir(parents=True)
        shutil.move(source / day, night / crm / day)
        first = source / FIRST
        first.mkdir()
        for path in (night / crm / day).iterdir():
            earlier(path, first / path.name)
    return plain, night


def earlier(path, to):
    """The export as it was on the first night: without the records made later, and without what was changed later."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        head, *rows = list(csv.reader(file))
    made = next((n for n, name in enumerate(head) if re.fullmatch(r"created ?(date|on)|create date|createdate", name, re.I)), None)
    assert made is not None, head
    kept = [row for row in rows if instant(row[made]) < FIRST]
    changed = [n for n, name in enumerate(head) if re.search(r"modified|last ?activity", name, re.I)]
    for row in kept:
        for n in changed:
            if instant(row[n]) >= FIRST:
                row[n] = row[made]
    with open(to, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *kept])


def instant(text):
    for form in ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M"]:
        try:
            return datetime.datetime.strptime(text[:19].strip(), form).strftime("%Y-%m-%d")
        except ValueError:
            continue
    return text[:10]


# The slips -----------------------------------------------------------------------------------------------------------

def exports(p, rng, crm=None):
    return p.folder / "exports" / (crm or rng.choice(CRMS)) / NIGHT


def one(p, rng):
    """One of tonight's export files."""
    return rng.choice(sorted(exports(p, rng).iterdir()))


def configured(p, old, new, count=1):
    path = p.folder / "leadrecon.toml"
    text = path.read_text()
    assert old in text, old
    path.write_text(text.replace(old, new, count))


def wrong_glob(p, rng):
    crm = rng.choice(CRMS)
    wrong = rng.choice([f"exports/{crm}/{FIRST}/*", f"export/{crm}/*/*", f"exports/{crm}/*.csv", f"exports/{crm}/*/*.xlsx", f"exports/{CRMS[0]}x/**",
                        "exports/cost/*", "exports/*/*/*", "raw/table/*"])
    configured(p, f"exports/{crm}/*/*", wrong)


def wrong_source_glob(p, rng):
    name = rng.choice(["table", "endpoint"])
    configured(p, f"raw/{name}/**/*", rng.choice([f"raw/{name}/*.xyz", f"row/{name}/**/*", f"exports/{rng.choice(CRMS)}/*/*", "exports/cost/*", "raw/**/*"]))


def swapped(p, rng):
    a, b = rng.sample(CRMS, 2)
    if rng.random() < 0.5:
        path = p.folder / "leadrecon.toml"
        text = path.read_text()
        path.write_text(text.replace(f"exports/{a}/", "\0").replace(f"exports/{b}/", f"exports/{a}/").replace("\0", f"exports/{b}/"))
    else:
        configured(p, "raw/table/**/*", f"exports/{a}/*/*")
        configured(p, f'export = ["exports/{a}/*/*"]', 'export = ["raw/table/**/*"]')


def truncated(p, rng):
    path = one(p, rng)
    data = path.read_bytes()
    path.write_bytes(data[:int(len(data) * rng.uniform(0.05, 0.97))])


def truncated_source(p, rng):
    path = rng.choice(sorted((p.folder / "raw/table").iterdir()))
    data = path.read_bytes()
    path.write_bytes(data[:int(len(data) * rng.uniform(0.05, 0.97))])


def empty(p, rng):
    path = one(p, rng)
    path.write_bytes(rng.choice([b"", b"\n", b"\xef\xbb\xbf", path.read_bytes().split(b"\n")[0] + b"\n"]))


def removed(p, rng):
    if rng.random() < 0.5:
        one(p, rng).unlink()
    else:
        shutil.rmtree(exports(p, rng))


def duplicated(p, rng):
    path = one(p, rng)
    kind = rng.randrange(3)
    if kind == 0:
        path.with_name(f"{path.stem} (1).csv").write_bytes(path.read_bytes())
    elif kind == 1:
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines + lines[1:]))
    else:
        raw = rng.choice(sorted((p.folder / "raw/table").iterdir()))
        raw.with_name(f"Copy of {raw.name}").write_bytes(raw.read_bytes())


def copied(p, rng):
    """Something saved where something else belongs: an export, a bill or a call list among raw leads, and the other way round."""
    report = sorted((p.folder / "out" / FIRST).rglob("call-list.xlsx"))
    foreign = [one(p, rng), *(p.folder / "exports/cost").iterdir(), *(p.folder / "exports/spend").iterdir(), p.folder / "worked.csv", *report]
    if rng.random() < 0.5:
        path = rng.choice(foreign)
        shutil.copy(path, p.folder / "raw" / rng.choice(["table", "endpoint"]) / f"report1740{path.suffix}")
    else:
        path = rng.choice([*sorted((p.folder / "raw/table").iterdir()), *foreign[1:]])
        shutil.copy(path, exports(p, rng) / f"leads2{path.suffix}")


def touched(p, rng):
    """Files copied without their times: those of an endpoint, whose bodies have no other."""
    folder = p.folder / "raw/endpoint"
    files = sorted(path for path in folder.iterdir() if path.is_file())
    beside = rng.random() < 0.5
    (folder / "copy").mkdir()
    for path in files:
        shutil.copyfile(path, folder / "copy" / path.name)
        if not beside:
            path.unlink()
        at = datetime.datetime.fromisoformat(NIGHT + "T12:00:00+00:00").timestamp()
        os.utime(folder / "copy" / path.name, (at, at))


def renamed(p, rng):
    if rng.random() < 0.5:
        path = one(p, rng)
        path.rename(path.with_name(rng.choice(["leads.csv.bak", "Leads-final (2).csv", "leads.txt", "a b;c.csv", "leads.CSV"])))
    else:
        path = rng.choice(sorted((p.folder / "raw/endpoint").iterdir()))
        path.rename(path.with_name("renamed-" + path.name))


def wrong_zone(p, rng):
    crm = rng.choice(CRMS)
    configured(p, f'kind = "{crm}"\n', f'kind = "{crm}"\ntimezone = "{rng.choice(["Asia/Tokyo", "America/Los_Angeles", "Pacific/Auckland", "Europe/Berlin"])}"\n')


def wrong_order(p, rng):
    crm = rng.choice(CRMS)
    configured(p, f'kind = "{crm}"\n', f'kind = "{crm}"\ndate_order = "{rng.choice(["dmy", "mdy", "ymd"])}"\n')


def read_only(p, rng):
    place = p.folder / rng.choice(["out", "state", "state/landing", "state/history"])
    if place.exists():
        for path in [place, *place.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o500)


def unreadable(p, rng):
    path = rng.choice([one(p, rng), exports(p, rng), *(p.folder / "raw/table").iterdir(), p.folder / "raw/endpoint", p.folder / "worked.csv",
                       p.folder / "decisions.csv", *(p.folder / "state/landing").rglob("*.parquet")])
    path.chmod(0)


def missing_variable(p, rng):
    p.env = rng.choice([{}, {"LEADS_SAS": ""}, {"LEADS_SAS": "  \n"}])


def misused_variable(p, rng):
    kind = rng.randrange(7)
    if kind == 0:
        p.env = {"LEADS_SAS": rng.choice([KEY, PASSWORD, SAS[:-12], f"AccountName=contoso;AccountKey={KEY}", SAS.replace("sig=", "sig=x")])}
    elif kind == 1:
        configured(p, '"LEADS_SAS"', f'"{rng.choice([SAS, KEY, PASSWORD, f"AccountName=contoso;AccountKey={KEY}"])}"')
    elif kind == 2:
        configured(p, "sas_env", rng.choice(["key_env", "connection_string_env", "sas_file", "sas"]))
    elif kind == 3:
        configured(p, '/{run}"'.replace("{run}", p.folder.name), f'/{p.folder.name}?{SAS}"')
    elif kind == 4:
        configured(p, 'sas_env = "LEADS_SAS"', f"sas_env = {SAS}")
    elif kind == 5:
        configured(p, 'container = "blobs"', f'container = "blobs?{SAS}"')
    else:
        configured(p, '[output]', f'# {SAS}\n"{SAS}" = 1\n[output]')


def old_worked(p, rng):
    """The file of worked leads is saved over by an old one, by another sheet, or is gone."""
    path = p.folder / "worked.csv"
    text = path.read_text()
    kind = rng.randrange(5)
    if kind == 0:
        path.write_text(text.splitlines()[0] + "\n")
    elif kind == 1:
        path.unlink()
    elif kind == 2:
        path.write_bytes(b"\xff\xfe\x00\x01 saved by something else")
    elif kind == 3:
        path.write_bytes(("sep=;\r\n" + text.replace(",", ";")).encode("utf-16"))
    else:
        shutil.copy(p.folder / "decisions.csv", path)


KINDS = {f.__name__: f for f in [wrong_glob, wrong_source_glob, swapped, truncated, truncated_source, empty, removed, duplicated, copied, touched, renamed,
                                 wrong_zone, wrong_order, read_only, unreadable, missing_variable, misused_variable, old_worked]}


# The judge -----------------------------------------------------------------------------------------------------------

def judge(p, expected, calls):
    """What is wrong with the night of the slip."""
    wrong = []
    if p.status not in STATUSES or "fault at" in p.talk:
        wrong.append(("crash", f"status {p.status}: {p.talk[-300:]}"))
    leaks = p.leaks()
    if leaks:
        wrong.append(("leaked", "; ".join(leaks[:3])))
    if p.summary is None or p.status in (2, 4):
        return wrong
    verdicts = p.verdicts()
    told = p.status == 3 or bool(p.summary["problems"]) or p.summary["tone"] != "good"
    lost = [key for key, value in expected.items() if value[0] == "missed"]
    if lost and not told:
        wrong.append(("all-clear", p.summary["headline"]))
    hidden = [key for key in lost if verdicts.get(key, ("", ""))[0] == "matched" and verdicts[key][1] == "delivered"]
    if hidden:
        wrong.append(("all-clear", f"{len(hidden)} lost leads count as delivered, e.g. {hidden[0]}"))
    falsely = p.called(NIGHT) - calls
    if falsely:
        wrong.append(("false-call", f"{len(falsely)} people, {p.summary['headline']}"))
    return wrong


def mended(p, expected):
    """What is wrong after mending."""
    if p.status not in (0, 1, 3) or p.summary is None:
        return [("lost-landing", f"status {p.status} after mending: {p.talk[-300:]}")]
    verdicts = p.verdicts()
    gone = [key for key in expected if key not in verdicts]
    if gone:
        return [("lost-landing", f"{len(gone)} leads are gone, e.g. {gone[0]}")]
    other = [key for key in expected if expected[key][0] != verdicts[key][0]]
    if other:
        return [("lost-landing", f"{len(other)} verdicts differ after mending, e.g. {other[0]}: {expected[other[0]]}, now {verdicts[other[0]]}")]
    more = [key for key in verdicts if key not in expected]
    if more:
        return [("lost-landing", f"{len(more)} leads that nobody sent stay after mending")]
    return []


def lay(base, night, to, server, program):
    shutil.copytree(base, to, symlinks=True)
    for crm in CRMS:
        shutil.copytree(night / crm / NIGHT, to / "exports" / crm / NIGHT)
    text = (to / "leadrecon.toml").read_text().replace("{server}", server).replace("{run}", to.name)
    (to / "leadrecon.toml").write_text(text)
    return Publisher(to, program)


def restore(p, base, night, server):
    """What a person does who has noticed: brings the inputs and the configuration back, and what is locked, opened."""
    for path in [p.folder, *p.folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(stat.S_IMODE(path.stat().st_mode) | (0o700 if path.is_dir() else 0o600))
    for name in ["raw", "exports", "leadrecon.toml", "worked.csv", "decisions.csv"]:
        path = p.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        (shutil.copytree if (base / name).is_dir() else shutil.copy)(base / name, path)
    for crm in CRMS:
        shutil.copytree(night / crm / NIGHT, p.folder / "exports" / crm / NIGHT)
    text = (p.folder / "leadrecon.toml").read_text().replace("{server}", server).replace("{run}", p.folder.name)
    (p.folder / "leadrecon.toml").write_text(text)
    p.env = {"LEADS_SAS": SAS}


def retract(p, kind):
    """Takes out what was landed by mistake: of a source or destination what came from where its own files do not stand."""
    if kind not in ("swapped", "copied", "touched", "wrong_glob", "wrong_source_glob"):
        return
    own = {"marketplace-table": "raw/table/", "endpoint": "raw/endpoint/", **{crm: f"exports/{crm}/" for crm in CRMS}}
    for place, folder in own.items():
        if p.run("retract", place, "--json") != 0:
            continue
        landed = [one["object"] for one in json.loads(p.output)["objects"]]
        for name in landed:
            if not name.startswith(folder) or "report1740" in name or "leads2" in name or "/copy/" in name:
                p.run("retract", place, "--object", name, "--yes")


def play(n, name, seed, base, night, folder, server, program, expected, calls, keep):
    rng = random.Random(f"{seed}/{n}/{name}")
    p = lay(base, night, folder / f"slip-{n:03}", server, program)
    wrong = []
    try:
        KINDS[name](p, rng)
        own(p.folder)
        p.night(NIGHT)
        status = p.status
        wrong = judge(p, expected, calls)
        restore(p, base, night, server)
        own(p.folder)
        retract(p, name)
        p.night(NIGHT)
        wrong += mended(p, expected)
    except subprocess.TimeoutExpired:
        status, wrong = None, wrong + [("crash", "it did not end within ten minutes")]
    if not keep or not wrong:
        shutil.rmtree(p.folder, ignore_errors=True)
    return n, name, status, wrong


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program", type=os.path.abspath)
    arguments.add_argument("--slips", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--leads", type=int, default=240)
    arguments.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments.add_argument("--only", choices=sorted(KINDS))
    arguments.add_argument("--only-from", type=int, default=0, help="only those from this number on")
    arguments.add_argument("--only-to", type=int, help="only those below this number")
    arguments.add_argument("--keep", type=pathlib.Path)
    asked = arguments.parse_args()

    folder = pathlib.Path(asked.keep or tempfile.mkdtemp(prefix="slips-"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    program = folder / "leadrecon"
    shutil.copy(asked.program, program)
    program.chmod(0o755)
    base, night = set_up(folder, program, asked.leads, asked.seed)
    Container.root = folder
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Container)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    server = f"http://127.0.0.1:{listener.server_port}"

    first = Publisher(folder / "first", program)
    shutil.copytree(base, first.folder)
    configured(first, "{server}/{run}", f"{server}/first")
    own(first.folder)
    assert first.night(FIRST) in (0, 1), first.talk
    for place in ["state", "out"]:
        shutil.copytree(first.folder / place, base / place, symlinks=True)
    undisturbed = lay(base, night, folder / "undisturbed", server, program)
    own(undisturbed.folder)
    assert undisturbed.night(NIGHT) in (0, 1), undisturbed.talk
    # Whom to call is a lost lead's person, also where the night held it back.
    expected, calls = undisturbed.verdicts(), undisturbed.called(NIGHT)
    calls |= {row["email"] for row in undisturbed.table("select email from missed_leads where status in ('new', 'open', 'replayed')")}
    lost = sum(1 for verdict, _ in expected.values() if verdict == "missed")
    print(f"undisturbed: {len(expected)} verdicts, {lost} lost, {len(calls)} addresses to call; {undisturbed.summary['headline']}", flush=True)
    assert lost and calls

    names = [asked.only] if asked.only else list(KINDS)
    played, faults = collections.Counter(), collections.defaultdict(list)
    statuses = collections.defaultdict(collections.Counter)
    with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
        slips = [pool.submit(play, n, names[n % len(names)], asked.seed, base, night, folder, server, program, expected, calls, asked.keep)
                 for n in range(asked.only_from, asked.slips if asked.only_to is None else asked.only_to)]
        for slip in concurrent.futures.as_completed(slips):
            n, name, status, wrong = slip.result()
            played[name] += 1
            statuses[name][status] += 1
            for kind, text in wrong:
                faults[kind].append((n, name, text))
                print(f"slip {n} {name}: {kind}: {text}", flush=True)
    for name in names:
        ends = ", ".join(f"{count} with exit {status}" for status, count in sorted(statuses[name].items(), key=str))
        print(f"{name:18} {played[name]:4} played: {ends}")
    total = len({n for found in faults.values() for n, _, _ in found})
    print("; ".join(f"{kind} {len(found)}" for kind, found in sorted(faults.items())) or "no fault")
    print(f"{len(slips) - total} passed, {total} failed")
    if not asked.keep:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main()
