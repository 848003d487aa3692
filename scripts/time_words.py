#!/usr/bin/env python3
"""Writes src/tabular/times/words.txt: how the languages that exports come in name months, halves of the day, eras.

From the Unicode CLDR, by way of Babel (`pip install babel`). Run it when the CLDR has changed; the file is kept in the
repository so that no build needs Python. Usage: scripts/time_words.py > src/tabular/times/words.txt
"""
import re
import unicodedata

from babel import Locale
from babel.dates import get_period_id  # noqa: F401  (its absence would mean that Babel is too old)
from babel.core import get_global  # noqa: F401

LANGUAGES = """af am ar as az be bg bn bs ca cs cy da de el en es et eu fa fi fil fr ga gl gu he hi hr hu hy id is it ja ka
kk km kn ko ky lb lo lt lv mk ml mn mr ms mt my nb ne nl nn or pa pl ps pt ro ru sd si sk sl sq sr sr_Latn sv sw ta te th
tr uk ur uz vi zh zh_Hant zu kok fy gd rm fo ku tk tg ti so yo ig ha es_MX en_AU fr_CA de_AT pt_PT""".split()


def folded(word):
    word = unicodedata.normalize("NFKC", word).lower()
    # As the reader folds: points, apostrophes and marks of direction say nothing, blanks of every kind are one.
    word = re.sub("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069.'’`\u05f3\u05f4\"]", "", word)
    return " ".join(word.split())


def minutes(time):
    hours, minute = time.split(":") if isinstance(time, str) else (time // 3600, time % 3600 // 60)
    return int(hours) * 60 + int(minute)


words = {}


def say(kind, word, language):
    word = folded(word)
    if word and not word.isdigit() and not (kind[0] == "m" and re.search(r"\d", word)):
        words.setdefault((word, kind), set()).add(language)


for n, code in enumerate(LANGUAGES):
    locale = Locale.parse(code)
    for context in ("format", "stand-alone"):
        for width in ("wide", "abbreviated"):
            for month, word in locale.months.get(context, {}).get(width, {}).items():
                say(f"m{month}", word, n)
            for _, word in locale.days.get(context, {}).get(width, {}).items():
                say("w", word, n)
        for width in ("wide", "abbreviated", "narrow"):
            rules = locale.day_period_rules.get(None, {}) if hasattr(locale, "day_period_rules") else {}
            for period, word in locale.day_periods.get(context, {}).get(width, {}).items():
                if period == "am":
                    say("p0-720", word, n)
                elif period == "pm":
                    say("p720-1440", word, n)
                elif width != "narrow":
                    for rule in rules.get(period, []):
                        if "from" in rule and "before" in rule:
                            say(f"p{rule['from'] // 60}-{rule['before'] // 60}", word, n)
    for _, word in locale.eras.get("wide", {}).items():
        say("f", word, n)
    for _, word in locale.eras.get("abbreviated", {}).items():
        say("f", word, n)
    patterns = [str(p.pattern) for p in locale.date_formats.values()] + [str(p.pattern) for p in locale.time_formats.values()]
    patterns += [str(p) for p in locale.datetime_formats.values()] + [str(p.pattern) for p in locale.datetime_skeletons.values()]
    for pattern in patterns:
        for literal in re.findall(r"'([^']+)'", pattern):
            for word in re.split(r"[\s,./-]+", literal):
                if word and not re.search(r"\d", word):
                    say("f", word, n)

print("# Made by scripts/time_words.py from the Unicode CLDR (© Unicode, Inc., Unicode License v3); do not edit.")
print("# kind: mN month, pFROM-BEFORE part of the day in minutes, w weekday, f other word; then languages; then the word.")
print("# " + " ".join(LANGUAGES))
kinds = {}
for (word, kind), languages in words.items():
    # A word that is a month somewhere is also a weekday elsewhere: both stand.
    kinds.setdefault(kind, []).append((word, sorted(languages)))
for kind in sorted(kinds, key=lambda k: (k[0], [int(n) for n in re.findall(r"\d+", k)])):
    for word, languages in sorted(kinds[kind]):
        print(f"{kind}\t{','.join(map(str, languages))}\t{word}")
