#!/usr/bin/env python3
"""Reads report.html cell by cell and holds every number against summary.json or a table, to the digit.

    scripts/check_page.py out/latest

The program's own filters and queries are not asked: what a number shall look like is written down here once more, and
what no published table holds is computed from those that are, by another engine (DuckDB). A number on the page that
nothing here accounts for is a fault, as is a table that is not known, or a row too many or too few. The report must be
masked and in UTC.
"""

import datetime
import html.parser
import json
import pathlib
import re
import sys

import duckdb

folder = pathlib.Path(sys.argv[1]).resolve()
templates = pathlib.Path(__file__).resolve().parent.parent / "reports"
summary = json.loads((folder / "summary.json").read_text())
counts = summary["counts"]
assert summary["timezone"] == "UTC", "times are compared in UTC"

db = duckdb.connect()
for path in sorted((folder / "tables").glob("*.parquet")):
    db.execute(f"create view {path.stem} as select * from read_parquet('{path}')")
db.execute("set timezone = 'UTC'")
faults = []


def rows(sql):
    found = db.execute(sql)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row)) for row in found.fetchall()]


# --- how the report writes ------------------------------------------------------------------------------------------

NONE = "–"


def count(n):
    return NONE if n is None else f"{n:,}".replace("-", "−")


def plural(n, one, many):
    return f"{count(n)} {one if n == 1 else many}"


def percent(share):
    if share is None:
        return NONE
    p = share * 100.0
    if 0 < p < 0.1:
        return "<0.1 %"
    return f"{p:.1f} %" if 0 < p < 9.95 else f"{p:.0f} %"


def points(difference):
    tenths = int(abs(difference) * 1000.0 + 0.5) / 10.0
    return "0.0" if tenths == 0 else f"{'+' if difference > 0 else '−'}{tenths:.1f}"


def money(amount):
    if amount is None:
        return NONE
    amount = float(amount)
    size = abs(amount)
    if size == 0:
        return "0.00"
    if size < 0.000_000_005:
        return "<0.00000001"
    text = f"{size:.{2 if size >= 0.995 else 4 if size >= 0.01 else 8}f}"
    whole, fraction = text.split(".")
    return f"{'−' if amount < 0 else ''}{int(whole):,}.{fraction[:2]}{fraction[2:].rstrip('0')}"


def whole(amount):
    return money(amount) if amount is None or abs(amount) < 99.5 else count(int(abs(amount) + 0.5) * (-1 if amount < 0 else 1))


def duration(seconds):
    if seconds is None:
        return NONE
    minutes = int(abs(seconds) / 60.0 + 0.5)
    d, h, m = minutes // 1440, minutes // 60 % 24, minutes % 60
    sign = "−" if seconds < 0 else ""
    if d:
        return f"{sign}{d} d {h} h" if h else f"{sign}{d} d"
    if h:
        return f"{sign}{h} h {m} min" if m else f"{sign}{h} h"
    return f"{sign}{m} min" if abs(seconds) >= 59.5 else f"{sign}{abs(seconds):.0f} s"


def minute(at):
    return NONE if at is None else at.astimezone(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")


def text_of(value):
    return NONE if value is None else str(value)


def month(day):
    return str(day)[:7]


def words(text):
    return text.replace("-", " ").replace("_", " ")


def number_cell(value):
    return count(value) if isinstance(value, int) else f"{value:.4f}".rstrip("0").rstrip(".")


STAGES = {"purchase": "bought", "contact": "asked to be contacted", "interest": "asked to get it", "trial": "tried it",
          "in_crm": "in the CRM"}


WHY = {"outage": "in an outage", "cause": "by a pattern", "isolated": "no reason found"}


def stage(name):
    return STAGES.get(name, words(name))


def rate(row, name):
    if row[f"{name}_rate"] is None:
        return NONE
    return f"{percent(row[f'{name}_rate'])} {percent(row[f'{name}_rate_low'])} to {percent(row[f'{name}_rate_high'])}"


def masked_email(text):
    local, _, domain = text.strip().rpartition("@")
    if not local:
        return f"{text.strip()[:1]}•••"
    ending = "." + domain.rsplit(".", 1)[1] if "." in domain else ""
    return f"{local[:1]}•••@{domain[:1]}•••{ending}"


def masked_phone(text):
    digits = [c for c in text if c in "0123456789"]
    if not digits:
        return ""
    last = "".join(digits[max(len(digits) - 2, 1):])
    if text.strip().startswith("+") and len(digits) > 6:
        code = re.match(r"\d{0,3}", text.strip()[1:]).group()[:2]
        return f"(+{code}) ••• {last}"
    return f"••• {last}"


def initial(text):
    return "" if text is None else text.strip()[:1] + "."


titles = {row["offer_id"]: row["offer"] for row in rows(
    "select offer_id, offer from (select offer_id, offer, row_number() over (partition by offer_id order by count(*) desc, offer)"
    " as nth from leads where offer_id is not null and offer is not null group by offer_id, offer) where nth = 1")}


def title(offer):
    return titles.get(offer, text_of(offer))


# --- the page -------------------------------------------------------------------------------------------------------

VOID = {"meta", "link", "br", "img", "input", "hr", "rect", "polyline", "circle", "line", "path"}


class Node:
    def __init__(self, tag, attributes, parent):
        self.tag, self.attributes, self.parent, self.children, self.read = tag, dict(attributes), parent, [], False

    def all(self, tag=None, **wanted):
        for child in self.children:
            if isinstance(child, Node):
                if (tag is None or child.tag == tag) and all(
                    value in child.attributes.get(name, "").split() for name, value in wanted.items()
                ):
                    yield child
                yield from child.all(tag, **wanted)

    def text(self, but=()):
        parts = []
        for child in self.children:
            if isinstance(child, str):
                parts.append(child)
            elif child.tag not in ("style", *but) and "unseen" not in child.attributes.get("class", ""):
                # What stands under something is no part of the same word.
                parts.append(" " + child.text(but) + " " if child.tag in ("br", "p", "li", "td", "th", "div", "dd", "dt") or "under" in child.attributes.get("class", "") or child.tag in ("span", "b", "code") else child.text(but))
        return "".join(parts)

    def texts(self):
        for child in self.children:
            if isinstance(child, str):
                yield self, child
            elif child.tag != "style":
                yield from child.texts()


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.root = self.at = Node("document", [], None)

    def handle_starttag(self, tag, attributes):
        node = Node(tag, [(name, value or "") for name, value in attributes], self.at)
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node

    def handle_startendtag(self, tag, attributes):
        self.at.children.append(Node(tag, [(name, value or "") for name, value in attributes], self.at))

    def handle_endtag(self, tag):
        node = self.at
        while node.parent is not None and node.tag != tag:
            node = node.parent
        if node.parent is not None:
            self.at = node.parent

    def handle_data(self, data):
        self.at.children.append(data)


reader = Reader()
reader.feed((folder / "report.html").read_text())
page = reader.root
sections = {node.attributes["id"]: node for node in page.all() if "id" in node.attributes}


def plain(text):
    """Blanks and marks of punctuation that stand apart only because of how a cell is built do not count."""
    return re.sub(r"\s+([.,;:)])", r"\1", re.sub(r"\s+", " ", text)).strip()


def holds(node, expected, what):
    """The whole text of a node."""
    node.read = True
    found, expected = plain(node.text()), plain(expected)
    if found != expected:
        faults.append(f"{what}: the page says {found!r}, the tables {expected!r}")


def table(node, what, expected, heads=()):
    """A table's body: every row and every cell, in order."""
    for head in node.all("thead"):
        cells = [plain(cell.text()) for cell in head.all("th")]
        for cell in cells:
            if re.search(r"\d", cell) and cell not in heads and not re.search(r"95 %|0\.\d+", cell):
                faults.append(f"{what}: nobody accounts for the heading {cell!r}")
        head.read = True
    body = [list(row.children) for row in node.all("tr") if row.parent.tag == "tbody"]
    body = [[cell for cell in row if isinstance(cell, Node)] for row in body]
    if len(body) != len(expected):
        faults.append(f"{what}: {len(body)} rows on the page, {len(expected)} in the tables")
    for at, (cells, values) in enumerate(zip(body, expected)):
        if len(cells) != len(values):
            faults.append(f"{what}, row {at + 1}: {len(cells)} cells on the page, {len(values)} in the tables")
        for place, (cell, value) in enumerate(zip(cells, values)):
            holds(cell, value, f"{what}, row {at + 1}, cell {place + 1}")


def labelled(label):
    return [node for node in page.all() if node.attributes.get("aria-label") == label and node.tag != "svg"]


def tables_of(node):
    return list(node.all("table"))


NUMBER = re.compile(r"[−+<]?\d[\d,]*(?:\.\d+)?")
BLOCKS = {"p", "li", "summary", "figcaption", "caption", "h3", "dt", "dd"}
MOST = 200


def numbers(text):
    return [found.rstrip(",") for found in NUMBER.findall(text)]


def blocks(node):
    """Blocks of text below a node that nothing has read yet, the innermost, in order."""
    for child in node.children:
        if not isinstance(child, Node) or child.read or child.tag == "style":
            continue
        if child.tag == "table":
            yield from (caption for caption in child.all("caption") if not caption.read)
            continue
        inner = list(blocks(child))
        yield from inner
        if not inner and child.tag in BLOCKS:
            yield child


def spoken(node, expected, what):
    """The numbers of what stands outside of tables: those of these texts, block by block, and no others."""
    found = [(block, numbers(plain(block.text()))) for block in blocks(node)]
    found = [(block, told) for block, told in found if told]
    wanted = [numbers(text) for text in expected if numbers(text)]
    for block, _ in found:
        block.read = True
    for at in range(max(len(found), len(wanted))):
        block, told = found[at] if at < len(found) else (None, None)
        right = wanted[at] if at < len(wanted) else None
        if told != right:
            says = plain(block.text())[:160] if block else "nothing more"
            faults.append(f"{what}, block {at + 1}: {right} in summary and tables, {told} on the page: {says!r}")
            break


def known_only(node, known, what):
    """Blocks of which every number is one of these."""
    for block in list(blocks(node)):
        strange = [told for told in numbers(plain(block.text())) if told not in known]
        block.read = True
        if strange:
            faults.append(f"{what}: nobody knows {strange}: {plain(block.text())[:160]!r}")


def beyond(n):
    return f"{plural(n - MOST, 'row', 'rows')} more" if n > MOST else ""


# --- what stands on it ----------------------------------------------------------------------------------------------

losses = rows("select * from outage_losses order by outage_id, currency")
outages = {row["outage_id"]: row for row in rows("select * from outages")}


def head():
    as_of = datetime.date.fromisoformat(summary["as_of"])
    spoken(next(page.all("header")), [f"{as_of.day} {as_of.year}"], "masthead")
    tiles = next(page.all("ul", **{"class": "tiles"}))
    shown = [[counts["to_call"]], [counts["new"]], [counts["ongoing"], counts["outages"]], [counts["recovered"]], [counts["untouched"]]]
    for tile, values in zip(tiles.all("li"), shown):
        if numbers(tile.text()) != [count(n) for n in values]:
            faults.append(f"tile: {plain(tile.text())!r}, in the summary {values}")
    tiles.read = True
    spoken(next(page.all("section", **{"class": "lead"})), [summary["headline"]], "headline")
    spoken(sections["figures"], summary["more"], "figures")
    for alert in page.all("section", **{"class": "alert"}):
        spoken(alert, summary["problems"], "what could not be read")


def actions():
    # Lines are made of findings, outages and the number of people to call: each number is one of theirs.
    known, sums = {count(counts["to_call"])}, {}
    for finding in summary["findings"]:
        known.update(numbers(finding["text"]))
        known.add(count(finding["count"]))
        # A line may be of several destinations, and of one or all sentences of a code.
        for said in (finding["code"], (finding["code"], finding["text"])):
            sums[said] = sums.get(said, 0) + finding["count"]
    known.update(map(count, sums.values()))
    for row in outages.values():
        known.update(numbers(f"{row['began_by']:%-d %Y %H:%M} {row['ended_after']:%-d %Y %H:%M}"))
    known.update(numbers(" ".join(titles.values())))
    known_only(sections["now"], known, "do this now")


def people():
    found = rows("select * from missed_leads where status not in ('closed', 'given-up')")
    lines = []
    for row in found[:MOST]:
        name = " ".join(filter(None, [initial(row["first_name"]), initial(row["last_name"])])) or "(no name)"
        under = ", ".join(filter(None, [row["company"], row["country"]]))
        contact = " ".join(filter(None, [row["phone"] and masked_phone(row["phone"]), row["email"] and masked_email(row["email"])]))
        lines.append([f"{name} {under}", contact, f"{stage(row['stage'])} {row['offer'] or title(row['offer_id'])}",
                      minute(row["received_at"]), row["destination"], WHY.get(row["reason"], row["reason"]),
                      f"{row['status']} since {row['first_reported_on']}"])
    section, at = sections["people"], 0
    for node in tables_of(section):
        n = len([row for row in node.all("tr") if row.parent.tag == "tbody"])
        table(node, "people", lines[at:at + n])
        at += n
    if at != len(lines):
        faults.append(f"people: {at} rows on the page, {len(lines)} in the tables")
    replayed = f" {count(counts['replayed'])}" if counts["replayed"] else ""
    told = [f"{counts['open_people']:,} {counts['open']:,} {counts['new']:,}{replayed}"] if found else []
    told += [count(len(lines) - 10) if len(lines) > 10 else "", beyond(len(found)),
             count(counts["to_call"]) if found and counts["to_call"] < counts["open_people"] else ""]
    settled = summary["median_hours_to_settled"]
    told.append((f"{counts['closed']:,} {counts['given_up']:,} " if counts["closed"] or counts["given_up"] else "")
                + (duration(settled * 3600) if settled is not None else ""))
    spoken(section, told, "people")


def outages_and_weeks():
    section = sections["outages"]
    days = rows("select min(day) as first, max(day) as last from calendar")[0]
    for box, told in zip(section.all("div", **{"class": "outage"}), summary["outages"]):
        row = outages[told["outage_id"]]
        of = [loss for loss in losses if loss["outage_id"] == row["outage_id"]]

        def hours(name):
            return "" if of[0][name] is None else duration(of[0][name] * 3600)

        facts = [hours("hours_until_reported"), count(of[0]["recovered"]), count(of[0]["closed"]),
                 count(of[0]["open_people"]), hours("hours_until_settled")]
        facts += [f"{whole(loss['expected'])} {whole(loss['expected_low'])} {whole(loss['expected_high'])}"
                  for loss in of if loss["expected"] is not None]
        chance = row["text"].rsplit("; by chance ", 1)[1]
        for axis in box.all("div", **{"class": "axis"}):
            holds(axis, f"{days['first']} {days['last']}", "axis of the outages")
        for line in box.all("summary"):
            line.read = True
        spoken(box, [told["text"], *facts, f"{row['missed']} {row['leads']} {percent(row['base_miss_rate'])} {chance} {row['outage_id']}"],
               f"outage {row['outage_id']}")
    seen = rows("select * from lost_at_source order by witness, record_id")
    of_weeks = [id(node) for figure in section.all("figure") for node in figure.all("table")]
    for figure in section.all("figure"):
        weeks(figure)
    for node in tables_of(section):
        if id(node) not in of_weeks:
            table(node, "lost before the store", [
                [f"{initial(row['first_name'])} {initial(row['last_name'])} {text_of(row['company'])}", row["witness"],
                 minute(row["received_at"]), title(row["offer_id"])] for row in seen[:MOST]])
    spoken(section, [f"{counts['outages']:,} {counts['ongoing']:,}" if outages else "", count(counts["lost_at_source"]) if seen else "",
                     beyond(len(seen))], "outages")


def weeks(figure):
    name = plain(next(figure.all("figcaption")).text()).rsplit(":", 1)[0]
    found = rows(f"""
        with weeks as (select distinct week from calendar),
        counted as (select date_trunc('week', received_at)::date as week, count(*) filter (verdict = 'matched') as matched,
            count(*) filter (verdict = 'missed') as missed, count(*) filter (verdict = 'pending') as pending
            from reconciliation where destination = '{name}' group by 1)
        select w.week, coalesce(matched, 0) as matched, coalesce(missed, 0) as missed, coalesce(pending, 0) as pending
        from weeks as w left join counted as c on c.week = w.week order by w.week""")[-53:]
    table(next(figure.all("table")), f"weeks of {name}",
          [[str(row["week"]), count(row["matched"]), count(row["missed"]), count(row["pending"])] for row in found])
    for group, row in zip(figure.all("g"), found):
        holds(next(group.all("title")), f"Week of {row['week']}: {count(row['matched'])} arrived, {count(row['missed'])} lost, "
              f"{count(row['pending'])} too early to tell", f"bar of {name}")
    most = max(row["matched"] + row["missed"] + row["pending"] for row in found)
    holds(next(figure.all("div", **{"class": "axis"})),
          f"{found[0]['week']} at most {plural(most, 'lead', 'leads')} a week {found[-1]['week']}", f"axis of {name}")
    for caption in figure.all("figcaption"):
        caption.read = True


def causes():
    found = rows("select * from causes order by destination, condition")
    for node in tables_of(sections["causes"]):
        table(node, "causes", [[row["text"], row["destination"], count(row["missed"]), count(row["delivered"]), row["advice"]]
                               for row in found])
    spoken(sections["causes"], [count(len(found)) if found else ""], "causes")


def at_risk():
    found = rows("select * from at_risk order by destination, outage_id, offer_id, stage")
    if not found:
        return
    section = sections["at-risk"]
    total = rows("""select case when expected is null then '(none)' else coalesce(currency, '(unknown)') end as currency,
        sum(people) as people, sum(floor(expected * 100.0 + 0.5)) / 100.0 as expected,
        sum(floor(expected_low * 100.0 + 0.5)) / 100.0 as low, sum(floor(expected_high * 100.0 + 0.5)) / 100.0 as high
        from at_risk group by 1 order by 1""")
    told = [" ".join(f"{whole(row['expected'])} {whole(row['low'])} {whole(row['high'])}" for row in total if row["expected"] is not None)]
    told += [count(int(row["people"])) for row in total if row["expected"] is None and len(total) > 1]
    table(tables_of(section)[0], "at risk", [
        [title(row["offer_id"]), row["destination"], row["outage_id"].replace("(none)", NONE), stage(row["stage"]), count(row["people"]), rate(row, "won"),
         f"{money(row['median_won'])}{' ' + row['currency'] if row['currency'] else ''}", whole(row["expected"]),
         NONE if row["expected"] is None else f"{whole(row['expected_low'])} to {whole(row['expected_high'])}",
         f"{row['history']}{', ' + plural(row['history_people'], 'person', 'people') if row['history_people'] is not None else ''}"]
        for row in found[:MOST]])
    spoken(section, told + [beyond(len(found))], "at risk")


def recovered():
    found = rows("select * from recovered_leads order by recovered_on desc, lead_id, destination")
    lines = [[row["lead_id"], row["destination"], text_of(row["record_id"]), str(row["first_reported_on"]), str(row["recovered_on"]),
              duration(row["waited_seconds"])] for row in found[:MOST]]
    for node, part in zip(tables_of(sections["recovered"]), (lines[:5], lines[5:])):
        table(node, "recovered", part)
    spoken(sections["recovered"], [count(len(found)) if found else "", count(len(lines) - 5) if len(lines) > 5 else "",
                                   beyond(len(found))], "recovered")


def untouched():
    found = rows("select * from untouched order by lead_id, destination")
    owners = rows("""select coalesce(owner, '(no owner)') as owner, destination, count(*) as leads, max(working_days) as days,
        min(created_at) as oldest from untouched group by 1, 2 order by leads desc, destination, owner""")
    shown = [[[row["owner"], row["destination"], count(row["leads"]), count(row["days"]), minute(row["oldest"])] for row in owners],
             [[text_of(row["record_id"]), row["destination"], text_of(row["owner"]), text_of(row["status"]), minute(row["created_at"]),
               count(row["working_days"])] for row in found[:MOST]]]
    for node, expected in zip(tables_of(sections["untouched"]), shown):
        table(node, "untouched", expected)
    spoken(sections["untouched"], [count(len(found)) if found else "", beyond(len(found))], "untouched")


def counted(row):
    names = ["people", "trial", "interest", "contact", "in_crm", "qualified", "purchase", "won"]
    return [count(row[name]) for name in names] + [rate(row, "purchase")]


def funnel():
    section = sections["funnel"]
    steps = rows("select * from funnel_steps where offer_id = '(all)' order by step")
    if not steps:
        return
    told = [count(steps[0]["people"])]
    for row in steps:
        line = f"{count(row['reached'])} {percent(row['rate'])} ({percent(row['rate_low'])} to {percent(row['rate_high'])})"
        if row["step"] > 1 and row["step_rate"] is not None:
            line += f" {percent(row['step_rate'])} {percent(row['step_rate_low'])} to {percent(row['step_rate_high'])}"
        if row["timed"]:
            line += f" {duration(row['median_seconds'])} {duration(row['p90_seconds'])}"
        if row["itself"] < row["reached"]:
            line += f" {count(row['itself'])}"
        told.append(line)
    for row in rows("select * from arrivals where offer_id = '(all)'"):
        told.append(" ".join(count(row[name]) for name in ("all_arrived", "some_arrived", "none_arrived"))
                    + (f" {count(row['unspoken'])}" if row["unspoken"] else ""))
    order = ["interest", "contact", "qualified", "purchase", "won", "in_crm"]
    change = sorted(rows("select * from funnel_change where offer_id = '(all)'"), key=lambda row: order.index(row["stage"]))
    shown = []
    if change:
        now, before = month(change[0]["period"]), month(change[0]["period_before"])
        told += [f"{now} {before}", f"{change[0]['people']:,} {change[0]['people_before']:,}"]
        shown.append(((now, before), [
            [stage(row["stage"]), percent(row["rate"]), percent(row["rate_before"]),
             f"{points(row['difference'])} {points(row['difference_low'])} to {points(row['difference_high'])}",
             "more" if row["difference_low"] > 0 else "fewer" if row["difference_high"] < 0
             else "may be chance"] for row in change]))
    all_rows = "select * from funnel where storefront = '(all)' and offer_id {} '(all)' order by period desc, offer_id"
    months, offers = rows(all_rows.format("=")), rows(all_rows.format("<>"))
    countries, campaigns = rows("select * from funnel_by_country"), rows("select * from funnel_by_campaign")
    shown.append(((), [[month(row["period"]), *counted(row)] for row in months[:MOST]]))
    shown.append(((), [[title(row["offer_id"]), month(row["period"]), *counted(row)] for row in offers[:MOST]]))
    shown.append(((), [[row["country_code"], *counted(row)] for row in countries[:MOST]]))
    if campaigns:
        shown.append(((), [[row["campaign"], f"{row['touch']} lead", *counted(row)] for row in campaigns[:MOST]]))
    found = tables_of(section)
    if len(found) != len(shown):
        faults.append(f"funnel: {len(found)} tables on the page, {len(shown)} are known")
    for node, (heads, expected) in zip(found, shown):
        table(node, "funnel", expected, heads)
    told += [beyond(len(offers)), beyond(len(countries)), beyond(len(campaigns)), "95 % intervals"]
    spoken(section, told, "funnel")


def cost():
    section = sections["cost"]
    stored = rows("""with billed as (select currency, min(day) as first, max(day) as last, sum(cost) as cost from charges
            where day <= (select as_of from run) group by 1)
        select b.currency, b.first, b.last, b.cost, count(l.lead_id) as leads from billed as b left join leads as l
            on l.received_at::date between b.first and b.last group by all order by currency""")
    told = []
    for row in stored:
        per = f" {money(float(row['cost']) * 1000 / row['leads'])} per 1,000" if row["leads"] else ""
        told.append(f"{row['leads']:,} {row['first']} {row['last']} {money(row['cost'])}{per} 0.50")
    if not stored:
        told.append("0.50 1,000")
    newest = "order by period desc, offer_id, campaign, currency"
    by_month = rows(f"select * from cost where offer_id = '(all)' {newest}")
    by_offer = rows(f"select * from cost where offer_id <> '(all)' and campaign = '(all)' {newest}")
    by_campaign = rows(f"select * from cost where campaign not in ('(all)', '(none)') {newest}")
    for row in by_month + by_offer + by_campaign:
        row["of"] = NONE if row["currency"] == "(none)" else row["currency"]
    shown = [[[month(r["period"]) + ("" if r["of"] == NONE else f" {r['of']}"), money(r["spend"]), money(r["storage_cost"]),
               count(r["leads"]), count(r["people"]), count(r["delivered"]), count(r["purchase"]), money(r["cost_per_lead"]),
               money(r["cost_per_person"]), money(r["cost_per_purchase"]), money(r["cost_per_won"]), money(r["spend_on_missed"])]
              for r in by_month],
             [[title(r["offer_id"]), month(r["period"]), r["of"], money(r["spend"]), money(r["storage_cost"]), count(r["leads"]),
               count(r["people"]), money(r["spend_per_lead"]), money(r["spend_per_person"]), money(r["spend_on_missed"])]
              for r in by_offer],
             [[r["campaign"], title(r["offer_id"]), month(r["period"]), r["of"], money(r["spend"]), count(r["leads"]),
               count(r["people"]), money(r["spend_per_lead"])] for r in by_campaign]]
    for node, expected in zip(tables_of(section), shown):
        table(node, "cost", expected[:MOST])
    spoken(section, told + [beyond(len(by_offer)), beyond(len(by_campaign))], "cost")


TOLD = [("open-people", "people"), ("new-leads", "leads"), ("recovered-leads", "leads"), ("median-delay-seconds", "seconds"),
        ("within-hour", "share"), ("export-age-seconds", "seconds"), ("identity-precision", "share"), ("identity-recall", "share")]


def trend():
    section = sections["trend"]

    def written(unit, n):
        return percent(n) if unit == "share" else duration(n) if unit == "seconds" else f"{count(int(n))} {unit}"

    told, shown = [], []
    for measure, unit in TOLD:
        for (name,) in db.execute("select distinct destination from nights where measure = ? order by 1", [measure]).fetchall():
            nights = db.execute("select as_of, value from nights where measure = ? and destination = ? order by 1", [measure, name]).fetchall()
            if len(nights) < 2:
                continue
            week = list({day - datetime.timedelta(days=day.weekday()): (day, value) for day, value in nights}.values())
            drawn = week if len(nights) > 100 else nights
            least, most = (written(unit, of(value for _, value in drawn)) for of in (min, max))
            span = "the same" if least == most else f"{least} {most}"
            told += ["30 days" if measure in ("median-delay-seconds", "within-hour") else "",
                     f"{written(unit, drawn[-1][1])} {span} {drawn[0][0]}"]
            shown.append([[str(day), written(unit, value)] for day, value in week[::-1][:53]])
    for node, expected in zip(tables_of(section), shown):
        table(node, "trend", expected)
    for line in section.all("summary"):
        line.read = True
    spoken(section, told, "trend")


def books():
    node, equations = sections["balance"], summary["balance"]["equations"]
    told = [count(equations[0]["whole"]["count"])]
    told += [" ".join([count(e["whole"]["count"]), *(count(part["count"]) for part in e["parts"])]) for e in equations]
    by_reason = rows("""select destination, verdict, reason, count(*) as leads, count(distinct person_id) as people
        from reconciliation group by all order by 1, 2, 3""")
    names = ("routed", "delivered", "person_known", "missed", "pending", "excluded")
    shown = [[[d["destination"], *(count(d[name]) for name in names)] for d in summary["balance"]["destinations"]],
             [[row["destination"] or "(none)", row["verdict"], words(row["reason"]), count(row["leads"]), count(row["people"])]
              for row in by_reason]]
    for found, expected in zip(tables_of(node), shown):
        table(found, "books", expected)
    spoken(node, told, "books")


def identity():
    node, facts = sections["identity"], summary["identity"]
    known = rows("""select case when person_id is null then '(nobody)' when linked_by is null then '(alone)' else linked_by end as by,
        count(*) as leads, count(distinct person_id) as people, min(match_probability) as lowest from identities group by 1 order by 1""")
    shown = [[[row["by"], count(row["leads"]), count(row["people"]), percent(row["lowest"])] for row in known],
             [["any stage" if row["stage"] == "people" else row["stage"], *(count(row[name]) for name in ("people", "strict", "loose"))]
              for row in facts.get("funnel", [])]]
    for found, expected in zip(tables_of(node), shown):
        table(found, "identity", expected)
    pairs = [(name, facts[name]) for name in sorted(facts) if isinstance(facts[name], (int, float)) and not isinstance(facts[name], bool)]
    for listed in list(node.all("dl"))[:1]:
        for term, value, (name, fact) in zip(listed.all("dt"), listed.all("dd"), pairs):
            holds(term, words(name), "identity")
            holds(value, number_cell(fact), f"identity, {name}")
    spoken(node, [f"{counts['leads']:,} {counts['people']:,}", "0.99 0.8"], "identity")


def exports():
    node, lines = sections["exports"], []
    for row in rows("select * from coverage order by destination"):
        def no(column, what):
            return what if row[column] else f"no {what}"

        before = f" before: {count(row['previous_records'])}" if row["previous_records"] is not None else ""
        lines.append([row["destination"] + ("" if row["readable"] else " not readable"), count(row["records"]) + before,
                      minute(row["from"]) if row["from"] else "the first lead", minute(row["until"]),
                      f"{no('shows_lead_source', 'lead sources')}, {no('has_converted', 'converted')}, {no('has_closed', 'closed')}, "
                      f"{no('has_deleted', 'deleted')} records, {plural(row['owners'], 'owner', 'owners')}, "
                      + ("opportunities" if row["has_opportunities"] else "no opportunities: “won” is unknown")])
    found = tables_of(node)
    if found:
        table(found[0], "exports", lines)
    told = [duration(row["grace_seconds"]) for row in summary["inferred"]]
    if len(found) > 1:
        # As what a file was read stands in table columns_read, its rows in readings.
        landed = {(row["destination"], row["file"]): row["rows"] for row in rows(
            "select destination, file, max(rows) as rows from readings group by all")}
        body = [row for row in found[1].all("tr") if row.parent.tag == "tbody"]
        told.append(count(len(body)))
        for line in body:
            cells = [plain(cell.text()) for cell in line.children if isinstance(cell, Node)]
            known = landed.get((cells[1], cells[0]))
            if known is None or cells[4] != count(known):
                faults.append(f"file {cells[0]}: {cells[4]} rows on the page, {known} in readings")
            line.read = True
    spoken(node, told, "exports")


def data():
    node = sections["data-quality"]
    lines = rows("""select area, name, file, reason, count(*) as rows from (
            select 'read' as area, source as name, '' as file, kind as reason from leads
            union all select 'quarantine', source, '', reason from quarantine
            union all select 'set aside', destination, file, reason from set_aside) group by all order by 1, 2, 3, 4""")
    records = rows("select * from unexplained_records order by destination, record_id")
    found = tables_of(node)
    if lines:
        table(found[0], "what was read", [[f"{row['name']} {row['file']}", row["area"], words(row["reason"]), count(row["rows"])]
                                          for row in lines[:MOST]])
    if records:
        table(found[-1], "unexplained", [[row["record_id"], row["destination"], minute(row["created_at"]), text_of(row["lead_source"]),
                                          words(row["reason"]), row["lead_id"] or ""] for row in records[:MOST]])
    told = [f"{counts['leads']:,} {counts['quarantined']:,} {counts['set_aside']:,}" if lines else "", beyond(len(lines)),
            count(counts["unexplained"]) if records and counts["unexplained"] else "", beyond(len(records)),
            count(len(summary["checks"]))]
    spoken(node, told, "what could not be read")


def noticed():
    node, found = sections["noticed"], summary["findings"]
    if not found:
        return
    levels, new = counts["findings"], counts["new_findings"]
    told = [f"{len(found):,} {levels['page']:,} {new['page']:,} {levels['mail']:,} {new['mail']:,} {levels['list']:,}"]
    for row in found[:MOST]:
        place = f"{row['destination']}: " if row["destination"] and row["destination"] not in row["text"] else ""
        told.append(place + row["text"] + (f" ({count(row['count'])})" if row["count"] > 1 else ""))
    spoken(node, told + [beyond(len(found))], "everything noticed")


def own_words():
    """What templates say themselves, what a row of each computed table is, and the claims of the checks."""
    known = set(numbers(" ".join(check["claim"] for check in summary["checks"])) + numbers(summary["as_of"]))
    known.add(count(len(summary["checks"])))
    for query in (templates.parent / "queries").glob("*.sql"):
        known.update(numbers(" ".join(re.findall(r"^--\s*(.*)$", query.read_text(), re.M))))
    for name, file in (("words", "glossary.html"), ("notes", "notes.html")):
        known.update(numbers(re.sub(r"\{[{%].*?[%}]\}|<[^>]*>", " ", (templates / file).read_text())))
        known_only(sections[name], known, name)
    holds(next(page.all("footer")),
          f"leadrecon {summary['versions']['leadrecon']}. The same day run again gives this file byte for byte.", "footer")


def unread():
    """What no check above has read and has a digit in it."""
    for node, text in page.texts():
        above = list(ancestors(node))
        if re.search(r"\d", text) and not any(at.read or at.tag == "head" for at in above):
            place = next((at.attributes["id"] for at in above if "id" in at.attributes), "?")
            faults.append(f"nobody accounts for {plain(text)!r} in <{node.tag}> of {place}")


def ancestors(node):
    while node is not None:
        yield node
        node = node.parent


for check in (head, actions, people, outages_and_weeks, causes, at_risk, recovered, untouched, funnel, cost, trend, books, identity,
              exports, data, noticed, own_words, unread):
    check()
cells = sum(1 for node in page.all() if node.tag in ("td", "th") and re.search(r"\d", node.text()))
for fault in faults[:60]:
    print(fault, file=sys.stderr)
print(f"{len(faults)} faults" if faults else f"{folder / 'report.html'}: {cells} cells with numbers, each as in summary.json or a table")
sys.exit(1 if faults else 0)
