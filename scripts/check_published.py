#!/usr/bin/env python3
"""Holds what a run wrote against the standards that it claims, by the reference implementations of both.

    scripts/check_published.py leadrecon.prom out/latest/summary.json

The file of metrics is read by Prometheus' own parser, the summary is validated against schema/summary.schema.json.
"""

import json
import pathlib
import sys

import jsonschema
from prometheus_client.parser import text_string_to_metric_families

metrics, summary = map(pathlib.Path, sys.argv[1:])
families = list(text_string_to_metric_families(metrics.read_text()))
names = [family.name for family in families]
assert len(names) == len(set(names)) > 10, names
for family in families:
    assert family.type == "gauge" and family.documentation and family.name.startswith("leadrecon_"), family
assert any(family.samples for family in families if family.name == "leadrecon_build_info")

schema = json.loads((pathlib.Path(__file__).parent.parent / "schema/summary.schema.json").read_text())
validator = jsonschema.Draft202012Validator
validator.check_schema(schema)
validator(schema, format_checker=validator.FORMAT_CHECKER).validate(json.loads(summary.read_text()))
print(f"{len(families)} families of metrics and the summary are what they claim to be")
