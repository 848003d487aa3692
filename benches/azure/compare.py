"""The program against Microsoft's Python SDK, on the same emulator, in one run.

    python3 compare.py PROGRAM [ENTITIES] [BLOBS]

Needs Node.js with tests/azurite installed (`npm ci` there), and azure-data-tables and azure-storage-blob. Fills an
Azurite of its own, then reads a table and a container of small blobs three times in turn: with a bare HTTP client that
looks at nothing but the continuation, which is what the emulator gives at all; with the SDK as its pages show it, with
the SDK and 16 threads for the blobs; and with `PROGRAM run` into an empty folder, whose time ends when it says that the
source is landed. Prints the medians, and the share of the time in which the emulator, one thread, was busy. The SDK
and the bare client only read; the program lands what it reads.
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from urllib.parse import quote, urlparse

from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
AZURITE = pathlib.Path(__file__).resolve().parents[2] / "tests" / "azurite"
ROUNDS = 3


def entity(n):
    minute = n * 7 % (60 * 24 * 28)
    day, hour, at = minute // 1440 + 1, minute // 60 % 24, minute % 60
    info = {
        "FirstName": f"First{n % 9973}", "LastName": f"Last{n}", "Email": f"person{n}@company{n % 50021}.example",
        "Phone": f"+1206{n % 10**7:07}", "Country": "US", "Company": f"Company {n % 50021}", "Title": "CTO",
    }
    return {
        "PartitionKey": f"5:2F{n // 1000}:2F2026", "RowKey": f"row-{n:09}", "ProductId": f"contoso.offer{n % 7}",
        "CustomerInfo": json.dumps(info), "LeadSource": "AzureMarketplace", "ActionCode": "INS",
        "OfferDisplayName": f"Offer {n % 7}", "Description": " ",
        "CreatedTime": f"5/{day}/2026 {hour % 12 or 12}:{at:02}:00 {'AM' if hour < 12 else 'PM'}",
    }


def ports():
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    numbers = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return numbers


def azurite(folder):
    blob, queue, table = ports()
    server = subprocess.Popen(
        ["node", "-r", str(AZURITE / "leave.js"), str(AZURITE / "node_modules/azurite/dist/src/azurite.js"),
         "--blobPort", str(blob), "--queuePort", str(queue), "--tablePort", str(table), "--inMemoryPersistence",
         "--disableTelemetry", "--silent", "--skipApiVersionCheck"],
        cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )
    for port in (blob, table):
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
    return server, f"http://127.0.0.1:{table}/{ACCOUNT}", f"http://127.0.0.1:{blob}/{ACCOUNT}"


def fill(tables, container, entities, blobs):
    table = tables.create_table("leads")
    for first in range(0, entities, 100):
        table.submit_transaction([("create", entity(n)) for n in range(first, min(first + 100, entities))])
    body = {"leadSource": "AzureMarketplace-INS|contoso.mesh", "actionCode": "INS", "offerTitle": "Data Mesh"}
    for n in range(blobs):
        user = {"firstName": f"First{n}", "lastName": f"Last{n}", "email": f"blob{n}@company.example"}
        container.upload_blob(f"2026/{n:06}.json", json.dumps({**body, "userDetails": user}))


def signed(text):
    return base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()


def bare_table(endpoint):
    """All pages, one after the other, over one connection."""
    at = urlparse(endpoint)
    connection = http.client.HTTPConnection(at.netloc)
    path, query, read = at.path + "/leads()", "", 0
    began = time.monotonic()
    while True:
        date = formatdate(usegmt=True)
        connection.request("GET", path + query, headers={
            "x-ms-date": date, "x-ms-version": "2019-02-02", "Accept": "application/json;odata=minimalmetadata",
            "Authorization": f"SharedKeyLite {ACCOUNT}:" + signed(f"{date}\n/{ACCOUNT}{path}"),
        })
        answer = connection.getresponse()
        read += answer.read().count(b'"RowKey":')
        partition, row = (answer.getheader(f"x-ms-continuation-Next{n}Key") for n in ("Partition", "Row"))
        if not partition:
            return read / (time.monotonic() - began)
        query = f"?NextPartitionKey={quote(partition, safe='')}&NextRowKey={quote(row or '', safe='')}"


def bare_blobs(endpoint, blobs):
    """All blobs over four connections, their names known."""
    at = urlparse(endpoint)

    def read(first):
        connection = http.client.HTTPConnection(at.netloc)
        for n in range(first, blobs, 4):
            path, date = f"{at.path}/leads/2026/{n:06}.json", formatdate(usegmt=True)
            text = "GET" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:2019-12-12\n/{ACCOUNT}{path}"
            connection.request("GET", path, headers={
                "x-ms-date": date, "x-ms-version": "2019-12-12", "Authorization": f"SharedKey {ACCOUNT}:" + signed(text),
            })
            answer = connection.getresponse()
            assert answer.read() and answer.status == 200

    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read, range(4)))
    return blobs / (time.monotonic() - began)


def busy(pid):
    """Seconds of processor time that a process has used."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sdk_table(tables):
    began = time.monotonic()
    read = sum(1 for _ in tables.get_table_client("leads").list_entities())
    return read / (time.monotonic() - began)


def sdk_blobs(container, threads):
    began = time.monotonic()
    names = [b.name for b in container.list_blobs()]
    if threads == 1:
        read = sum(len(container.download_blob(n).readall()) > 0 for n in names)
    else:
        with ThreadPoolExecutor(threads) as pool:
            read = sum(pool.map(lambda n: len(container.download_blob(n).readall()) > 0, names))
    return read / (time.monotonic() - began)


def ours(program, source, word, expected):
    """Records per second until the program says that the source is landed."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "leadrecon.toml").write_text(
            f'[[source]]\nname = "{word}"\n{source}auth = {{ key_env = "LEADS_KEY" }}\n'
        )
        began = time.monotonic()
        child = subprocess.Popen(
            [os.path.abspath(program), "run"], cwd=folder, env={**os.environ, "LEADS_KEY": KEY},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for line in child.stderr:
            if f"source {word}: " in line:
                taken = time.monotonic() - began
                assert f"{expected} new" in line, line
                child.kill()
                child.wait()
                return expected / taken
        sys.exit("the program did not land the source")


def main():
    program = sys.argv[1]
    entities, blobs = (int(n) for n in (sys.argv[2:4] + ["20000", "2000"][len(sys.argv) - 2:]))
    print(f"load before: {os.getloadavg()}")
    with tempfile.TemporaryDirectory() as folder:
        server, table_at, blob_at = azurite(folder)
        try:
            tables = TableServiceClient(endpoint=table_at, credential=AzureNamedKeyCredential(ACCOUNT, KEY))
            service = BlobServiceClient(blob_at, credential={"account_name": ACCOUNT, "account_key": KEY})
            container = service.create_container("leads")
            began = time.monotonic()
            fill(tables, container, entities, blobs)
            print(f"filled {entities} entities and {blobs} blobs in {time.monotonic() - began:.0f} s")
            results, shares = {}, {}
            for _ in range(ROUNDS):
                for name, measure in {
                    "table entities/s, bare client": lambda: bare_table(table_at),
                    "table entities/s, SDK": lambda: sdk_table(tables),
                    "table entities/s, leadrecon, landed": lambda: ours(
                        program, f'kind = "azure-table"\nendpoint = "{table_at}"\ntable = "leads"\n', "t", entities),
                    "small blobs/s, bare client, 4 connections": lambda: bare_blobs(blob_at, blobs),
                    "small blobs/s, SDK": lambda: sdk_blobs(container, 1),
                    "small blobs/s, SDK, 16 threads": lambda: sdk_blobs(container, 16),
                    "small blobs/s, leadrecon, landed": lambda: ours(
                        program, f'kind = "azure-blob"\nendpoint = "{blob_at}"\ncontainer = "leads"\n', "b", blobs),
                }.items():
                    used, began = busy(server.pid), time.monotonic()
                    results.setdefault(name, []).append(measure())
                    shares.setdefault(name, []).append((busy(server.pid) - used) / (time.monotonic() - began))
            for name, values in results.items():
                share = statistics.median(shares[name])
                all_values = ", ".join(f"{v:.0f}" for v in values)
                print(f"{statistics.median(values):9.0f}  {name}   ({all_values}; emulator busy {share:.0%})")
        finally:
            server.kill()
    print(f"load after: {os.getloadavg()}")


main()
