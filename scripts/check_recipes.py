#!/usr/bin/env python3
"""Holds every command that `leadrecon check` prints for an export, and the example of `refresh`, against what the tool
itself says it understands.

    scripts/check_recipes.py

Salesforce's CLI publishes its commands and flags as oclif.manifest.json, in the npm package of each plugin. The version
below is the one that the recipes were written for; raise it now and then. HubSpot's and Microsoft's command lines publish
no export of records, so the recipes of those CRMs name menus and endpoints, which nothing here can hold against anything.
"""

import json
import pathlib
import shlex
import subprocess
import sys
import tarfile
import tempfile
import tomllib

PLUGIN, VERSION = "@salesforce/plugin-data", "4.0.115"


def manifest(folder):
    packed = subprocess.run(["npm", "pack", "--silent", f"{PLUGIN}@{VERSION}"], cwd=folder, check=True, capture_output=True, text=True)
    with tarfile.open(pathlib.Path(folder) / packed.stdout.split()[-1]) as package:
        return json.load(package.extractfile("package/oclif.manifest.json"))


def wrong(command, known):
    """What the tool would say against a command line."""
    words = shlex.split(command)[1:]
    taken = next((n for n in range(len(words), 0, -1) if ":".join(words[:n]) in known), 0)
    if not taken:
        return [f"no such command: {' '.join(words[:3])}"]
    definition = known[":".join(words[:taken])]
    if definition.get("state") == "deprecated" or definition.get("hidden"):
        return ["the command is deprecated"]
    flags, given, problems = definition["flags"], set(), []
    words = iter(words[taken:])
    for word in words:
        flag = flags.get(word.removeprefix("--"))
        if flag is None or not word.startswith("--"):
            problems.append(f"no such flag: {word}")
            continue
        given.add(word.removeprefix("--"))
        if flag.get("deprecated"):
            problems.append(f"deprecated flag: {word}")
        if flag["type"] == "option":
            value = next(words, None)
            if value is None or flag.get("options") and value not in flag["options"]:
                problems.append(f"{word} does not take {value!r}")
    # The org is the user's default one.
    required = {name for name, flag in flags.items() if flag.get("required") and name != "target-org"}
    return problems + [f"missing flag: --{name}" for name in sorted(required - given)]


def main():
    layouts = tomllib.loads((pathlib.Path(__file__).parent.parent / "src/crm/layouts.toml").read_text())
    advice = [layout["advice"]["export"] for layout in layouts.values() if isinstance(layout, dict) and "advice" in layout]
    commands = [line.strip() for text in advice for line in text.splitlines() if line.strip().startswith("sf ")]
    example = tomllib.loads((pathlib.Path(__file__).parent.parent / "leadrecon.example.toml").read_text())
    refresh = [destination["refresh"] for destination in example["destination"] if "refresh" in destination]
    commands += [shlex.join(command) for command in refresh if command[0] == "sf"]
    with tempfile.TemporaryDirectory() as folder:
        known = manifest(folder)["commands"]
    failed = 0
    for command in commands:
        problems = wrong(command, known)
        failed += bool(problems)
        for problem in problems:
            print(f"{problem}\n  in: {command}")
    # What it is worth: a flag that went in April 2025 is found out.
    assert wrong('sf data query --bulk --query "SELECT Id FROM Lead"', known) == ["no such flag: --bulk"]
    print(f"{PLUGIN} {VERSION}: {len(commands) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not commands else 0)


if __name__ == "__main__":
    main()
