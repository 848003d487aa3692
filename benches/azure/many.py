"""Peak memory of reading a table of any size: a stand-in for the table service that makes its entities up as it is asked.

An emulator that holds a million entities needs hours and gigabytes of its own; this one needs neither, so what is
measured is the program alone, through its own HTTP client, paging, landing and parsing.

    python3 many.py PROGRAM [ENTITIES] [--whole]

Runs `PROGRAM run` on an empty folder and prints the program's peak memory (VmHWM) and the time when its talk tells that
the table was landed and that all leads were read; then it is ended, unless --whole asks for the whole report.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

PAGE = 1000  # what the service gives at most
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # the emulator's


def entity(n):
    """Entity n, as the marketplace writes it: about 700 bytes."""
    minute = n % (60 * 24 * 28)
    day, hour, at = minute // 1440 + 1, minute // 60 % 24, minute % 60
    info = {
        "FirstName": f"First{n % 9973}", "LastName": f"Last{n}", "Email": f"person{n}@company{n % 50021}.example",
        "Phone": f"+1206{n % 10**7:07}", "Country": "US", "Company": f"Company {n % 50021}", "Title": "CTO",
    }
    return {
        "odata.etag": "W/\"datetime'2026-05-03T14%3A02%3A00.0000000Z'\"",
        "PartitionKey": f"5:2F{day}:2F2026", "RowKey": f"row-{n:09}",
        "Timestamp": f"2026-05-{day:02}T{hour:02}:{at:02}:00.0000000Z",
        "ProductId": f"contoso.offer{n % 7}", "CustomerInfo": json.dumps(info), "LeadSource": "AzureMarketplace",
        "ActionCode": "INS", "OfferDisplayName": f"Offer {n % 7}", "PublisherDisplayName": "Contoso",
        "CreatedTime": f"5/{day}/2026 {hour % 12 or 12}:{at:02}:00 {'AM' if hour < 12 else 'PM'}", "Description": " ",
    }


def serve(total):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            query = parse_qs(urlparse(self.path).query)
            first = int(query.get("NextRowKey", ["0"])[0])
            last = min(first + PAGE, total)
            body = json.dumps({"odata.metadata": "x", "value": [entity(n) for n in range(first, last)]}).encode()
            self.send_response(200)
            for name, value in {
                "Content-Type": "application/json", "Content-Length": str(len(body)), "x-ms-version": "2022-11-02",
                "x-ms-request-id": "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
            }.items():
                self.send_header(name, value)
            if last < total:
                self.send_header("x-ms-continuation-NextPartitionKey", "p")
                self.send_header("x-ms-continuation-NextRowKey", str(last))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def main():
    program, *rest = [a for a in sys.argv[1:] if a != "--whole"]
    total = int(rest[0]) if rest else 1_000_000
    whole = "--whole" in sys.argv
    port = serve(total)
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/leadrecon.toml", "w") as file:
            file.write(
                f'[[source]]\nname = "table"\nkind = "azure-table"\nendpoint = "http://127.0.0.1:{port}/devstoreaccount1"\n'
                'table = "leads"\nauth = { key_env = "LEADS_KEY" }\ndeadline = "60m"\n'
            )
        began = time.monotonic()
        child = subprocess.Popen(
            [os.path.abspath(program), "run", "-v", "--as-of", "2026-05-31"], cwd=folder, env={**os.environ, "LEADS_KEY": KEY},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for line in child.stderr:
            if " GET " in line:
                continue
            with open(f"/proc/{child.pid}/status") as status:
                found = re.search(r"VmHWM:\s+(\d+)", status.read())
            peak = f"{int(found[1]) / 1024:.0f} MiB" if found else "?"
            print(f"{time.monotonic() - began:7.1f} s  peak {peak:>9}  {line.strip()}", flush=True)
            if " quarantined" in line and not whole:
                child.kill()
        child.wait()


if __name__ == "__main__":
    main()
