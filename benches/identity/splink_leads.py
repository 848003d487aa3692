"""Splink on a CSV of leads: python splink_leads.py LEADS.csv OUT_PREFIX

The judge. A hand-written Splink 5 model as its documentation recommends for people: name comparisons with term
frequencies, e-mail comparison, edit distance on the phone, u by random sampling, m by EM over three blocking rules.
It gets the same columns, cleaned as its users would: lower case, blanks and placeholders null, phones as digits.
Writes OUT_PREFIX.<threshold>.csv for several thresholds, OUT_PREFIX.pairs.csv with the probability of each predicted
pair (at least 0.01), and prints time and memory of each step.
"""
import json
import logging
import re
import resource
import sys
import time

import duckdb
import pandas as pd
import splink.comparison_library as cl
from splink import Linker, SettingsCreator, block_on

THRESHOLDS = [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999, 0.999999]
# Beyond it DuckDB writes to disk; its own default, four fifths of the machine, leaves too little for pandas.
MEMORY = "14GB"
FILLERS = {"", "n/a", "na", "none", "null", "test", "test@test.com", "a@a.com", "1234567890", "-"}
# Mailboxes of a function: thousands of people share the part before the @, and blocking by it would compare them all.
ROLES = {"admin", "contact", "hello", "info", "it", "mail", "office", "sales", "service", "support"}


def phone(typed):
    """The last nine digits; none where they are too few, or one over and over: what people type to get past a form."""
    digits = re.sub(r"\D", "", typed)[-9:]
    return digits if len(digits) >= 6 and len(set(digits)) > 1 else None


def cleaned(path):
    df = pd.read_csv(path, dtype=str, keep_default_na=False).drop(columns=["truth"])
    for c in ["first_name", "last_name", "email", "company", "title", "country"]:
        df[c] = df[c].str.strip().str.lower().map(lambda v: None if v in FILLERS else v)
    df["phone"] = df["phone"].map(lambda v: None if v.strip().lower() in FILLERS else phone(v))
    df["company"] = df["company"].map(lambda v: v and (re.sub(r"\s+(inc|ltd|gmbh|llc|ag|s\.a\.|bv|corp\.?)\.?$", "", v).strip() or None))
    df["local_part"] = df["email"].map(lambda v: v.split("@")[0] if v else None).map(lambda v: None if v in ROLES else v)
    return df.rename(columns={"lead_id": "unique_id"})


def main():
    path, prefix = sys.argv[1:3]
    logging.getLogger("splink").setLevel(logging.ERROR)
    started = time.time()
    times = {}

    def lap(name):
        times[name] = round(time.time() - started - sum(times.values()), 2)

    df = cleaned(path)
    has = {c for c in df.columns if df[c].notna().any()}
    lap("read")
    comparisons = [cl.NameComparison("first_name").configure(term_frequency_adjustments=True),
                   cl.NameComparison("last_name").configure(term_frequency_adjustments=True)]
    rules = [block_on("first_name", "last_name")]
    training = [block_on("first_name", "last_name")]
    deterministic = []
    if "email" in has:
        comparisons.append(cl.EmailComparison("email").configure(term_frequency_adjustments=True))
        rules += [block_on("email"), block_on("local_part")]
        training.append(block_on("email"))
        deterministic += ["l.email = r.email", "l.first_name = r.first_name and l.last_name = r.last_name and l.phone = r.phone"]
    if "phone" in has:
        comparisons.append(cl.DamerauLevenshteinAtThresholds("phone", [1, 2]).configure(term_frequency_adjustments=True))
        rules.append(block_on("phone"))
        training.append(block_on("phone"))
        deterministic.append("l.phone = r.phone and l.last_name = r.last_name")
    if "company" in has:
        comparisons.append(cl.JaroWinklerAtThresholds("company", [0.92, 0.8]).configure(term_frequency_adjustments=True))
        rules += [block_on("company", "last_name"), block_on("company", "first_name")]
    if "title" in has:
        comparisons.append(cl.JaroWinklerAtThresholds("title", [0.9]).configure(term_frequency_adjustments=True))
        rules += [block_on("title", "last_name"), block_on("title", "first_name")] if len(df) < 50_000 else []
    if "country" in has:
        comparisons.append(cl.ExactMatch("country").configure(term_frequency_adjustments=True))
    rules += [block_on("last_name", "substr(first_name,1,1)")] if len(df) < 50_000 else []
    settings = SettingsCreator(link_type="dedupe_only", comparisons=comparisons, blocking_rules_to_generate_predictions=rules,
                               retain_intermediate_calculation_columns=False, retain_matching_columns=False)
    from splink.internals.duckdb.database_api import DuckDBAPI
    database = duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": f"{prefix}.spilled"})
    linker = Linker(DuckDBAPI(connection=database).register(df), settings)
    linker.training.estimate_probability_two_random_records_match(deterministic, recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=5e6, seed=1)
    for rule in training:
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    lap("train")
    predicted = linker.inference.predict(threshold_match_probability=0.01)
    lap("predict")
    predicted.as_pandas_dataframe()[["unique_id_l", "unique_id_r", "match_probability"]].rename(
        columns={"unique_id_l": "lead_id_a", "unique_id_r": "lead_id_b", "match_probability": "probability"}
    ).to_csv(f"{prefix}.pairs.csv", index=False)
    for threshold in THRESHOLDS:
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold_match_probability=threshold)
        if threshold == THRESHOLDS[0]:
            lap("cluster")
        out = clusters.as_pandas_dataframe()[["unique_id", "cluster_id"]]
        out.columns = ["lead_id", "person_id"]
        out.to_csv(f"{prefix}.{threshold}.csv", index=False)
    print(json.dumps({"seconds": times, "total_to_first_clusters": round(sum(times.values()), 2),
                      "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


main()
