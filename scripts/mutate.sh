#!/usr/bin/env bash
# Changes inputs at random, a million times each, and reads them: files of exports (the sheet reader), files of raw leads
# (the record cutter), texts of times (both parsers) and of lead sources. None may panic or take long. Some thousands of
# each are tried by every run of the tests.
# usage: scripts/mutate.sh [COUNT] [SEED]
set -euo pipefail
cd "$(dirname "$0")/.."
export MUTATIONS=${1:-1000000} SEED=${2:-1}
cargo test --release --locked --lib -- \
    tabular::tests::nothing_panics_on_files io::records::tests::mutations whatever_was_done
