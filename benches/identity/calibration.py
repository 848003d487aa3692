"""What probabilities are worth: python calibration.py LINK [--only ours] SET.csv...

LINK is the built example `link`; each SET is what sets.py or published.py wrote. Run it with the Python that has Splink.
For each set and tool, as Markdown:

- precision and recall of the clusters (of pairs) at several thresholds, and the recall that can be had at precisions
  from 0.97 up;
- Brier score and expected calibration error over ten equal bins of the pairs that a tool gave a probability of at least
  0.01, and the largest distance in a bin of 100 pairs and more;
- the reliability table: pairs of each bin, their mean probability, and how many of them are one person;
- of ours, the estimate of precision and recall that the report shows beside the truth.
"""
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections import Counter

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


def main():
    arguments = sys.argv[1:]
    only = "--only" in arguments
    link, *sets = [a for a in arguments if a not in ("--only", "ours")]
    for path in sets:
        name = pathlib.Path(path).stem
        truth = column(table(path), "truth")
        print(f"\n### {name}: {len(truth):,} leads\n")
        results = {}
        with tempfile.TemporaryDirectory() as folder:
            results["ours"] = ours(link, path, folder)
            if not only:
                try:
                    results["Splink"] = splink(path, folder)
                except subprocess.CalledProcessError as error:
                    print(f"Splink ended with an error: {error.stderr.decode().strip().splitlines()[-1]}\n")
        print("| tool | at | P | R | F1 |\n|---|---|---|---|---|")
        frontier = {}
        for tool, (clusters, _, _) in results.items():
            points = []
            for t, people in clusters.items():
                s = score(truth, people)
                points.append((s["pairwise_precision"], s["pairwise_recall"]))
                print(f"| {tool} | {t} | {s['pairwise_precision']:.4f} | {s['pairwise_recall']:.4f} | {s['pairwise_f1']:.4f} |")
            frontier[tool] = [max((r for p, r in points if p >= least - 5e-5), default=0.0) for least in PRECISIONS]
        print("\n| recall at precision of at least | " + " | ".join(map(str, PRECISIONS)) + " |\n|---" * 1 + "|---" * len(PRECISIONS) + "|")
        for tool, recalls in frontier.items():
            print(f"| {tool} | " + " | ".join(f"{r:.4f}" for r in recalls) + " |")
        print("\n| tool | pairs | Brier | ECE | largest distance (100 pairs and more) | true pairs never compared |\n|---|---|---|---|---|---|")
        kept = {}
        for tool, (_, pairs, _) in results.items():
            brier, ece, largest, kept[tool] = reliability(truth, pairs)
            n = sum(b[0] for b in kept[tool])
            print(f"| {tool} | {n:,} | {brier:.4f} | {ece:.4f} | {largest:.3f} | {never_compared(truth, pairs):.4f} |")
        print("\n| tool | " + " | ".join(f"{n / 10:.1f}–{(n + 1) / 10:.1f}" for n in range(10)) + " |\n|---" + "|---" * 10 + "|")
        for tool, bins in kept.items():
            print(f"| {tool}: pairs | " + " | ".join(f"{b[0]:,}" for b in bins) + " |")
            print("| said | " + " | ".join(f"{b[1] / b[0]:.3f}" if b[0] else "" for b in bins) + " |")
            print("| true | " + " | ".join(f"{b[2] / b[0]:.3f}" if b[0] else "" for b in bins) + " |")
        print("\n| threshold | estimated P | true P | estimated R | true R |\n|---|---|---|---|---|")
        clusters, _, said = results["ours"]
        for t, quality in zip(clusters, said):
            s = score(truth, clusters[t])
            if t in ("default", 0.5, 0.8, 0.95, 0.99) and quality.get("precision") is not None:
                at = f"default, which is {quality['threshold']}" if t == "default" else t
                print(f"| {at} | {quality['precision']:.4f} | {s['pairwise_precision']:.4f} | {quality['recall']:.4f} | {s['pairwise_recall']:.4f} |")


if __name__ == "__main__":
    main()
