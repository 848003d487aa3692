"""python score.py TRUTH.csv PEOPLE.csv: pairwise and B-cubed precision, recall and F1 of a clustering."""
import csv
import json
import sys
from collections import Counter


def score(truth, found):
    """`truth` and `found`: id → cluster."""
    pair = lambda n: n * (n - 1) // 2
    size_t, size_f = Counter(truth.values()), Counter(found[i] for i in truth)
    cells = Counter((truth[i], found[i]) for i in truth)
    both = sum(pair(n) for n in cells.values())
    in_truth, in_found = sum(map(pair, size_t.values())), sum(map(pair, size_f.values()))
    f1 = lambda p, r: 2 * p * r / (p + r) if p + r else 0.0
    p, r = both / in_found if in_found else 1.0, both / in_truth if in_truth else 1.0
    bp = sum(n * n / size_f[f] for (_, f), n in cells.items()) / len(truth)
    br = sum(n * n / size_t[t] for (t, _), n in cells.items()) / len(truth)
    return {"pairwise_precision": p, "pairwise_recall": r, "pairwise_f1": f1(p, r), "bcubed_precision": bp, "bcubed_recall": br,
            "bcubed_f1": f1(bp, br)}


def read(path, column):
    with open(path, newline="", encoding="utf-8") as f:
        return {r["lead_id"]: r[column] for r in csv.DictReader(f)}


if __name__ == "__main__":
    result = score(read(sys.argv[1], "truth"), read(sys.argv[2], "person_id"))
    print(json.dumps({k: round(v, 5) for k, v in result.items()}))
