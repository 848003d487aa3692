"""Both tools on the same sets, one after the other, in one run: quality, time and memory as one table.

    python compare.py LINK SET.csv...

LINK is the built example `link`; each SET is what sets.py or published.py wrote. Run it with the Python that has
Splink. Ours is shown at its default threshold; Splink at the one of its thresholds whose pairwise F1 is best. Time and
memory are those of the whole process: from the CSV to the clusters in a CSV (of all the thresholds, for Splink; writing
another one is little beside the prediction), wall clock, processor seconds, the most memory that was resident.
"""
import glob
import os
import pathlib
import sys
import tempfile
import time

from score import read, score

HERE = pathlib.Path(__file__).resolve().parent


def timed(*command):
    """Runs a command; how long, how much processor time and memory (MB) it took, and whether it ended well."""
    started = time.monotonic()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    return {"wall": time.monotonic() - started, "cpu": usage.ru_utime + usage.ru_stime, "mb": usage.ru_maxrss / 1024,
            "ok": os.waitstatus_to_exitcode(status) == 0}


def row(name, tool, took, result):
    numbers = "| | | | | | |" if result is None else "| " + " | ".join(f"{result[key]:.4f}" for key in (
        "pairwise_precision", "pairwise_recall", "pairwise_f1", "bcubed_precision", "bcubed_recall", "bcubed_f1")) + " |"
    ended = "" if took["ok"] else " (did not end)"
    print(f"| {name} | {tool}{ended} {numbers} {took['wall']:.1f} | {took['cpu']:.1f} | {took['mb']:,.0f} |", flush=True)


def main():
    link, *sets = sys.argv[1:]
    print("| set | tool | P | R | F1 | B-cubed P | R | F1 | seconds | CPU s | MB |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for path in sets:
        name = pathlib.Path(path).stem
        truth = read(path, "truth")
        with tempfile.TemporaryDirectory() as folder:
            took = timed(link, path, f"{folder}/ours.csv")
            row(name, "ours", took, score(truth, read(f"{folder}/ours.csv", "person_id")) if took["ok"] else None)
            took = timed(sys.executable, str(HERE / "splink_leads.py"), path, f"{folder}/splink")
            best, at = None, ""
            for found in sorted(glob.glob(f"{folder}/splink.*.csv")):
                result = score(truth, read(found, "person_id"))
                if best is None or result["pairwise_f1"] > best["pairwise_f1"]:
                    best, at = result, f" at {pathlib.Path(found).stem.removeprefix('splink.')}"
            row(name, f"Splink{at}", took, best)


main()
