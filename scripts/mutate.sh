#!/usr/bin/env bash
# A million files changed at random through the sheet reader and the parser of times: none may panic or take long.
# usage: scripts/mutate.sh [COUNT] [SEED]
set -euo pipefail
MUTATIONS=${1:-1000000} SEED=${2:-1} cargo test --release --locked --lib -- tabular::tests::nothing_panics_on_files
