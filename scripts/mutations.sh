#!/usr/bin/env bash
# Damages files of raw leads a million times and reads them; some thousands are tried by every run of the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
MUTATIONS=${1:-1000000} cargo test --locked --lib -- io::records::tests::mutations --nocapture
