"""What probabilities are worth: python calibration.py LINK SET.csv... [--ours SET.csv...]

LINK is the built example `link`; each SET is what sets.py or published.py wrote, those after --ours too large to wait for
Splink. Run it with the Python that has Splink. As Markdown, every table with a line for each set and tool:

- the recall that can be had at precisions from 0.97 up (of pairs of the clusters, over several thresholds);
- Brier score and expected calibration error over ten equal bins of the pairs that a tool gave a probability of at least
  0.01, and the largest distance in a bin of 100 pairs and more; of ours, with all leads heard and of the two alone;
- the reliability table: pairs of each bin, their mean probability, and how many of them are one person;
- of ours at its default, and what the report says of itself beside the truth.
"""
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict

from score import score

HERE = pathlib.Path(__file__).resolve().parent
THRESHOLDS = ["default", 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999]
PRECISIONS = [1.0, 0.999, 0.998, 0.995, 0.99, 0.98, 0.97]
SEEN = 0.01


def table(path):
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def column(rows, name):
    return {r["lead_id"]: r[name] for r in rows}


def ours(link, path, folder):
    """Clusters by threshold, pairs, and what the report would say."""
    environment = {**os.environ, "PAIRS": f"{folder}/pairs.csv"}
    thresholds = ",".join(map(str, THRESHOLDS))
    done = subprocess.run([link, path, f"{folder}/ours.csv", thresholds], env=environment, check=True, capture_output=True, text=True)
    rows = table(f"{folder}/ours.csv")
    found = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    return {t: column(rows, f"person_id_at_{t}") for t in THRESHOLDS}, table(f"{folder}/pairs.csv"), found


def splink(path, folder):
    subprocess.run([sys.executable, str(HERE / "splink_leads.py"), path, f"{folder}/splink"], check=True, capture_output=True)
    by_threshold = {}
    for found in pathlib.Path(folder).glob("splink.*.csv"):
        threshold = found.stem.removeprefix("splink.")
        if threshold != "pairs":
            by_threshold[float(threshold)] = column(table(found), "person_id")
    return dict(sorted(by_threshold.items())), table(f"{folder}/splink.pairs.csv"), None


def of_the_two_alone(pairs):
    """Our pairs with the probability that they have before other leads are heard."""
    compared = [r for r in pairs if r["alone"] != ""]
    return [{**r, "probability": 1 / (1 + 2 ** min(-float(r["alone"]), 1000))} for r in compared]


def wrong_joins(truth, people):
    """Of 1,000 people, how many were joined with somebody else."""
    of = defaultdict(set)
    for lead, person in people.items():
        of[person].add(truth[lead])
    return 1000 * sum(len(t) - 1 for t in of.values()) / max(len(of), 1)


def reliability(truth, pairs):
    """Brier score, expected calibration error, largest distance of a bin of 100 pairs and more, and the bins."""
    bins = [[0, 0.0, 0] for _ in range(10)]
    brier = 0.0
    for r in pairs:
        p = float(r["probability"])
        if p < SEEN:
            continue
        right = truth[r["lead_id_a"]] == truth[r["lead_id_b"]]
        brier += (p - right) ** 2
        of = bins[min(int(p * 10), 9)]
        of[0] += 1
        of[1] += p
        of[2] += right
    n = sum(b[0] for b in bins)
    off = [abs(b[1] - b[2]) for b in bins]
    largest = max((o / b[0] for o, b in zip(off, bins) if b[0] >= 100), default=0.0)
    return brier / max(n, 1), sum(off) / max(n, 1), largest, bins


def never_compared(truth, pairs):
    """Share of the true pairs that got no probability of at least a millionth or were not compared."""
    size = Counter(truth.values())
    there = sum(n * (n - 1) // 2 for n in size.values())
    seen = {tuple(sorted((r["lead_id_a"], r["lead_id_b"]))) for r in pairs if truth[r["lead_id_a"]] == truth[r["lead_id_b"]]}
    return 1 - len(seen) / max(there, 1)


def line(*cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def heading(*cells):
    return line(*cells) + "\n" + "|---" * len(cells) + "|"


def judged(link, path, only):
    """The lines of one set for each table."""
    name = pathlib.Path(path).stem
    truth = column(table(path), "truth")
    lines = {"recall": [], "error": [], "bins": [], "default": [], "report": []}
    with tempfile.TemporaryDirectory() as folder:
        results = {"ours": ours(link, path, folder)}
        if not only:
            try:
                results["Splink"] = splink(path, folder)
            except subprocess.CalledProcessError as error:
                print(f"{name}: Splink ended with an error: {error.stderr.decode().strip().splitlines()[-1]}", file=sys.stderr)
    for tool, (clusters, pairs, said) in results.items():
        scores = {t: score(truth, people) for t, people in clusters.items()}
        points = [(s["pairwise_precision"], s["pairwise_recall"]) for t, s in scores.items() if t != "default"]
        best = [max((r for p, r in points if p >= least - 5e-5), default=0.0) for least in PRECISIONS]
        lines["recall"].append(line(name, tool, *(f"{r:.4f}" for r in best)))
        kinds = {tool: pairs}
        if tool == "ours":
            kinds["ours, the two alone"] = of_the_two_alone(pairs)
        for kind, of_kind in kinds.items():
            brier, ece, largest, bins = reliability(truth, of_kind)
            n = sum(b[0] for b in bins)
            never = never_compared(truth, of_kind)
            lines["error"].append(line(name, kind, f"{n:,}", f"{brier:.4f}", f"{ece:.4f}", f"{largest:.3f}", f"{never:.3f}"))
            if kind == tool:
                lines["bins"].append(line(name, tool, *(f"{b[0]:,}: {b[1] / b[0]:.2f}, {b[2] / b[0]:.2f}" if b[0] else "" for b in bins)))
        if tool != "ours":
            continue
        for t, quality in zip(clusters, said):
            precision, recall = scores[t]["pairwise_precision"], scores[t]["pairwise_recall"]
            if t == "default":
                joins = f"{wrong_joins(truth, clusters[t]):.1f}"
                lines["default"].append(line(name, quality["threshold"], f"{precision:.4f}", f"{recall:.4f}", joins))
            if t in ("default", 0.8, 0.95, 0.99) and quality.get("precision") is not None:
                lines["report"].append(line(name, t, f"{quality['precision']:.4f}", f"{precision:.4f}", f"{quality['recall']:.4f}", f"{recall:.4f}"))
    return lines


def main():
    link, *sets = sys.argv[1:]
    alone = sets.index("--ours") if "--ours" in sets else len(sets)
    found = [judged(link, path, n > alone) for n, path in enumerate(sets) if n != alone]
    steps = [f"{n / 10:.1f}–{(n + 1) / 10:.1f}" for n in range(10)]
    for title, key, columns in (
        ("Recall that can be had at a precision of at least", "recall", ("set", "tool", *PRECISIONS)),
        ("What a probability is off", "error", ("set", "tool", "pairs", "Brier", "ECE", "largest distance", "no probability")),
        ("Reliability: pairs, said, true", "bins", ("set", "tool", *steps)),
        ("The default: 1 wrong join in 1000 people", "default", ("set", "threshold", "precision", "recall", "wrong joins in 1000")),
        ("What the report says of itself", "report", ("set", "threshold", "precision said", "true", "recall said", "true")),
    ):
        print(f"\n{title}\n\n{heading(*columns)}")
        for lines in found:
            print(*lines[key], sep="\n")


if __name__ == "__main__":
    main()
