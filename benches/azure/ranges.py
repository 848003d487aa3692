"""A large table read in ranges of partition keys side by side, against one page after the other.

    python3 ranges.py PROGRAM [PAGES] [MILLISECONDS]

A stand-in for the table service answers each page after so many milliseconds, as a service far away does; it knows the
filters that the program sends. The first run of the program does not know the table's partition keys and reads page by
page; the second, with --rescan, reads in ranges. Prints entities per second of both, landing written.
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

from many import KEY, PAGE, entity


def partition(page):
    return f"{page:05}"


def serve(pages, latency):
    bodies = []
    for page in range(pages):
        entities = [{**entity(n), "PartitionKey": partition(page)} for n in range(page * PAGE, (page + 1) * PAGE)]
        bodies.append(json.dumps({"odata.metadata": "x", "value": entities}).encode())
    began = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            query = parse_qs(urlparse(self.path).query)
            wanted = query.get("$filter", [""])[0]
            lowest = re.search("PartitionKey ge '([^']*)'", wanted)
            below = re.search("PartitionKey lt '([^']*)'", wanted)
            page = int(query.get("NextPartitionKey", [lowest[1] if lowest else "0"])[0])
            end = int(below[1]) if below else pages
            time.sleep(latency)
            self.send_response(200)
            for name, value in {
                "Content-Type": "application/json", "Content-Length": str(len(bodies[page])),
                "x-ms-version": "2022-11-02", "x-ms-request-id": "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
            }.items():
                self.send_header(name, value)
            if page + 1 < end:
                self.send_header("x-ms-continuation-NextPartitionKey", partition(page + 1))
                self.send_header("x-ms-continuation-NextRowKey", "0")
            self.end_headers()
            self.wfile.write(bodies[page])

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def main():
    program, *rest = sys.argv[1:]
    pages = int(rest[0]) if rest else 100
    milliseconds = int(rest[1]) if len(rest) > 1 else 60
    port = serve(pages, milliseconds / 1000)
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/leadrecon.toml", "w") as file:
            file.write(
                f'[[source]]\nname = "table"\nkind = "azure-table"\nendpoint = "http://127.0.0.1:{port}/devstoreaccount1"\n'
                'table = "leads"\nauth = { key_env = "LEADS_KEY" }\n'
            )
        for name, more in {"page by page": [], "in ranges": ["--rescan"]}.items():
            began = time.monotonic()
            child = subprocess.Popen(
                [os.path.abspath(program), "run", "--as-of", "2026-05-31", *more], cwd=folder,
                env={**os.environ, "LEADS_KEY": KEY}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )
            for line in child.stderr:
                if "source table: " in line:
                    assert f"{pages * PAGE} records read" in line, line
                    print(f"{pages * PAGE / (time.monotonic() - began):9.0f} entities/s {name}, {milliseconds} ms a page")
                    break
            child.communicate()


if __name__ == "__main__":
    main()
