//! `leadrecon check`: tries the configuration, every credential, source and export, and changes nothing.

use std::io::IsTerminal;

use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;
use serde_json::json;

use super::{Done, Globals};
use crate::codes::{kind, level};
use crate::config::{self, Config, Destination, DestinationKind, Secret, Source, Threshold};
use crate::cost;
use crate::coverage::{self, NightsRead};
use crate::crm;
use crate::error::{Error, Result, Status, count};
use crate::findings::Finding;
use crate::identity;
use crate::io::azure::Cloud;
use crate::io::check::{CheckLine, Reported, Verdict, check_source, check_state, copied, with_cause};
use crate::io::exports;
use crate::io::fetch;
use crate::io::landing::Landing;
use crate::io::outlet::Painted;
use crate::io::reviewed::{self, Named, Network, Reach};
use crate::io::{last_run, mirror, webhook};
use crate::job;
use crate::lead_source;
use crate::tables::{self, Leads, Table};
use crate::tabular::ReadFile;
use crate::worked;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    leadrecon check                        one line for each thing, what is wrong in brackets\n  \
    leadrecon check -v                     every column, time and note of each export\n  \
    leadrecon check --recipe salesforce    how to make that export every night")]
pub(super) struct Args {
    /// Print how to make the export of a kind every night, and which key column to add; nothing is checked
    #[arg(long, value_name = "KIND", value_parser = DestinationKind::ALL.map(DestinationKind::name))]
    recipe: Option<String>,
}

/// What was found under one name.
struct Section {
    title: String,
    lines: Vec<CheckLine>,
}

/// The reviewed files that the configuration names, each with what is wrong in it.
fn reviewed_files(config: &Config) -> Vec<Section> {
    let files = |from: &config::Reviewed| reviewed::files(from, Reach::of(config, Network::Tried)).into_iter();
    let decisions = files(&config.identity.decisions).map(|Named { name, read }| {
        let read = read.and_then(|held| identity::decisions(&name, held.bytes));
        ("decisions", name, read.map(|read| (read.lines.len(), read.problems)))
    });
    let worked = files(&config.missed.worked).map(|Named { name, read }| {
        let read = read.and_then(|held| worked::read(&name, held.bytes));
        ("worked", name, read.map(|read| (read.entries.len(), read.problems)))
    });
    let users =
        config.destinations.iter().flat_map(|destination| files(&destination.users)).map(|Named { name, read }| {
            let read = read.and_then(|held| crm::users(&name, held.bytes));
            ("users", name, read.map(|users| (users.len(), Vec::new())))
        });
    let section = |(what, name, read): (&str, String, Result<(usize, Vec<String>)>)| {
        let lines = match read {
            Ok((used, problems)) => {
                let used = line(Verdict::Good, format!("{} used", count(used, "line", "lines")));
                std::iter::once(used)
                    .chain(problems.into_iter().map(|problem| line(Verdict::Doubtful, problem)))
                    .collect()
            }
            Err(e) => {
                vec![CheckLine { hint: e.advice().map(str::to_owned), ..line(Verdict::Bad, with_cause(&e)) }]
            }
        };
        Section { title: format!("{what} {name}"), lines }
    };
    decisions.chain(worked).chain(users).map(section).collect()
}

/// The mirrors, and the addresses that people are told at, of which none is asked: whoever is told wants a reason.
fn mirrors_and_webhooks(config: &Config) -> Vec<Section> {
    let mirrors = [("the state", &config.state_mirror), ("the report", &config.output.mirror)];
    let mirrors = mirrors.into_iter().filter_map(|(of, mirror)| Some((of, mirror.as_ref()?)));
    let told = mirrors.map(|(of, to)| (format!("mirror of {of} {}", to.address), mirror::told(to)));
    let hooks = config.notify.iter().map(|hook| &hook.url).chain(&config.ping).filter_map(|url| match url {
        Secret::Env(variable) => {
            let good =
                webhook::address(variable).map(|_| "the variable holds a web address; nothing was sent".to_owned());
            Some((format!("webhook {variable}"), good))
        }
        Secret::File(_) => None,
    });
    let section = |(title, told): (String, Result<String>)| {
        let line = match told {
            Ok(text) => line(Verdict::Good, text),
            Err(e) => CheckLine { hint: e.advice().map(str::to_owned), ..line(Verdict::Bad, with_cause(&e)) },
        };
        Section { title, lines: vec![line] }
    };
    told.chain(hooks).map(section).collect()
}

pub(super) fn run(args: &Args, globals: &Globals) -> Result<Done> {
    if let Some(kind) = args.recipe.as_ref().and_then(|name| DestinationKind::ALL.iter().find(|k| k.name() == name)) {
        return Ok(Done::ok(recipe(*kind)));
    }
    let config = globals.load()?;
    let now = crate::io::now();
    let today = now.with_timezone(&config.report.timezone).date_naive();
    let missing = job::queries_and_templates(&config, Network::Tried)?.missing;
    let usable = missing.is_empty().then(|| line(Verdict::Good, "valid; queries and templates can be used".to_owned()));
    let missing = missing.iter().map(|problem| line(Verdict::Bad, with_cause(problem)));
    let mut sections = vec![Section {
        title: format!("configuration {}", globals.config.display()),
        lines: usable.into_iter().chain(missing).collect(),
    }];
    sections.push(Section {
        title: format!("state {}", config.state_dir.display()),
        lines: check_state(&config.state_dir),
    });
    sections.push(Section { title: "who is who".to_owned(), lines: vec![joined_from(&config)] });
    sections.extend(reviewed_files(&config));
    sections.extend(mirrors_and_webhooks(&config));
    let how = fetch::Options {
        base: &config.base,
        keep_out: vec![config.state_dir.clone(), config.output.dir.clone()],
        rescan: false,
        progress: false,
    };
    // None before the first report, and none that another version wrote.
    let leads = last_run::table::<Leads>(&config.output.dir).ok();
    let mut undated = Vec::new();
    for source in &config.sources {
        let reported = leads.as_ref().map_or_else(|| Ok(Reported::default()), |leads| reported(leads, source))?;
        let (lines, stored) = check_source(source, reported, now, &how);
        undated.push((sections.len(), source, stored));
        sections.push(Section { title: format!("source {}", source.name), lines });
    }
    let mut newest = None;
    let witnesses = config.witnesses.iter().map(|witness| ("witness", witness));
    for (what, destination) in config.destinations.iter().map(|d| ("destination", d)).chain(witnesses) {
        let dataset = if what == "destination" { &job::CRM_RECORDS } else { &job::WITNESSES };
        // What was read before tells how dates are meant; before the first run, and where it cannot be read, nothing does.
        let landed = Landing::open_read_only(&config.state_dir).and_then(|landing| landing.newest(dataset));
        let readings = Landing::open_read_only(&config.state_dir).and_then(|landing| landing.newest(&job::READINGS));
        let before = Before {
            landed: landed.unwrap_or_default(),
            nights: NightsRead::of(&readings.unwrap_or_default(), today)?,
        };
        let (mut lines, last) = check_exports(&config, destination, &before, what)?;
        newest = newest.max(last);
        if what == "destination" {
            lines.push(inferred(destination, &last_run::inferred(&config.output.dir)));
            lines.extend(advice(destination));
        }
        sections.push(Section { title: format!("{what} {} ({})", destination.name, destination.kind.name()), lines });
    }
    for (n, source, stored) in undated {
        if let Some(section) = sections.get_mut(n) {
            section.lines.extend(copied(source, &stored, newest));
        }
    }
    if !config.cost.azure.is_empty() || !config.cost.spend.is_empty() {
        sections.push(Section { title: "cost and spend".into(), lines: check_money(&config)? });
    }
    let bad = sections.iter().flat_map(|s| &s.lines).any(|l| l.verdict == Verdict::Bad);
    let output = if globals.json { as_json(&sections).into() } else { as_text(&sections, &Look::of(globals)) };
    Ok(Done { output, status: if bad { Status::Partial } else { Status::Done } })
}

/// From which match probability two leads are one person, and why.
fn joined_from(config: &Config) -> CheckLine {
    let words = match (config.identity.threshold, last_run::threshold(&config.output.dir)) {
        (Threshold::At(probability), _) => {
            format!("two leads are one person from a match probability of {probability}, as configured")
        }
        (Threshold::WrongJoins(share), last) => {
            let last = last
                .map_or_else(String::new, |last| format!("; in the last report from a match probability of {last}"));
            format!("1 in {:.0} people may be joined with somebody else{last}", 1.0 / share)
        }
    };
    line(Verdict::Good, words)
}

/// The newest lead and the newest test lead of a source in the last report.
fn reported(leads: &Table<Leads>, source: &Source) -> Result<Reported> {
    let (sources, kinds, received) = (leads.texts("source")?, leads.texts("kind")?, leads.instants("received_at")?);
    let (mut newest, mut newest_test) = (None, None);
    for ((name, is), at) in sources.into_iter().zip(kinds).zip(received) {
        if name.is_some_and(|name| name == source.name || source.formerly.iter().any(|f| f == name)) {
            newest = newest.max(at);
            if is == Some(kind::TEST) {
                newest_test = newest_test.max(at);
            }
        }
    }
    let instant = |micros: Option<i64>| micros.and_then(DateTime::<Utc>::from_timestamp_micros);
    Ok(Reported { newest: instant(newest), newest_test: instant(newest_test) })
}

fn line(verdict: Verdict, text: String) -> CheckLine {
    CheckLine { verdict, text, hint: None }
}

/// What was read before of a destination and of all others.
struct Before {
    landed: DataFrame,
    nights: NightsRead,
}

/// Reads the exports of a destination as a run would, and says what each can speak for. Gives the time of the newest
/// record, too.
fn check_exports(
    config: &Config,
    destination: &Destination,
    before: &Before,
    what: &str,
) -> Result<(Vec<CheckLine>, Option<i64>)> {
    let Before { landed, nights } = before;
    let cloud = Cloud { auth: destination.auth.as_ref(), endpoint: destination.endpoint.as_deref(), is_tried: true };
    let keep_out = [config.state_dir.clone(), config.output.dir.clone()];
    let gathered = exports::gather(&destination.export, cloud, &config.base, &keep_out);
    let mut read = crm::read(gathered.exports, destination, landed, crm::Keep::All)?;
    read.doubt = coverage::judge(&read, destination, landed, nights, None)?;
    let mut lines = told(gathered.problems.iter().chain(&read.problems), &read.files);
    for found in &read.findings {
        lines.push(line(Verdict::Doubtful, found.text()));
    }
    for found in fetch::credential_findings(config, crate::io::now()) {
        if found.destination == destination.name {
            lines.push(line(Verdict::Doubtful, found.text()));
        }
    }
    if read.is_conclusive() {
        lines.extend(speaks_for(&read.rows)?);
        // A witness has no owners and converts nothing.
        if what == "destination" {
            lines.extend(holds(&read, destination, landed, nights)?);
        }
    } else if let Some(doubt) = read.doubt.clone() {
        lines.push(line(Verdict::Doubtful, Finding::mail(&destination.name, doubt, 1usize).text()));
    } else {
        lines.push(CheckLine {
            hint: Some("leads stay pending until an export with records can be read".into()),
            ..line(Verdict::Doubtful, "no records were read".into())
        });
    }
    let newest =
        |name: &str| -> Result<Option<i64>> { Ok(read.rows.column(name)?.cast(&DataType::Int64)?.i64()?.max()) };
    let newest = newest("created_at")?.max(newest("modified_at")?);
    Ok((lines, newest))
}

/// Whether it keeps a record for each lead or each person, and by when a lead shows up, with what that is known from.
fn inferred(destination: &Destination, reports: &[serde_json::Value]) -> CheckLine {
    let Some(told) = reports.iter().find(|told| told["destination"] == destination.name) else {
        return line(Verdict::Good, "records_per and grace: the first run infers what is not set, and tells it".into());
    };
    let number = |name: &str| told[name].as_u64().unwrap_or(0);
    let people = |name: &str| count(usize::try_from(number(name)).unwrap_or(usize::MAX), "person", "people");
    let per_from = match told["records_per_from"].as_str() {
        Some("configured") => "as set".to_owned(),
        Some("inferred") => format!(
            "inferred: of {} with several leads, {} one record only",
            people("people_with_several_leads"),
            count(usize::try_from(number("people_with_one_record")).unwrap_or(usize::MAX), "has", "have"),
        ),
        _ => "by its kind: too few people came several times".to_owned(),
    };
    let grace_from = match told["grace_from"].as_str() {
        Some("configured") => "as set".to_owned(),
        Some("delays") => format!("inferred from {} delays", number("delays")),
        _ => "until there are 50 delays".to_owned(),
    };
    let (hours, minutes) = (number("grace_seconds") / 3600, number("grace_seconds") % 3600 / 60);
    line(
        Verdict::Good,
        format!(
            "records_per = \"{}\" ({per_from}); grace = {hours} h {minutes} min ({grace_from}); by the last report",
            told["records_per"].as_str().unwrap_or_default(),
        ),
    )
}

/// Reads cost and spend exports as a run would.
fn check_money(config: &Config) -> Result<Vec<CheckLine>> {
    let cloud = Cloud { auth: config.cost.auth.as_ref(), endpoint: config.cost.endpoint.as_deref(), is_tried: true };
    let keep_out = [config.state_dir.clone(), config.output.dir.clone()];
    let gather = |patterns: &[String]| exports::gather(patterns, cloud, &config.base, &keep_out);
    let (azure, spend) = (gather(&config.cost.azure), gather(&config.cost.spend));
    let charges = cost::charges(azure.exports, &config.cost)?;
    let mut lines = told(azure.problems.iter().chain(&charges.problems), &charges.files);
    let spent = cost::spend(spend.exports, &config.cost)?;
    lines.extend(told(spend.problems.iter().chain(&spent.problems), &spent.files));
    lines.extend(charges.findings.iter().chain(&spent.findings).map(|f| line(Verdict::Doubtful, f.text())));
    Ok(lines)
}

/// What could not be read, and what was read of each file.
fn told<'a>(problems: impl Iterator<Item = &'a Error>, files: &[ReadFile]) -> Vec<CheckLine> {
    let bad = |e: &Error| CheckLine { hint: e.advice().map(str::to_owned), ..line(Verdict::Bad, with_cause(e)) };
    let mut lines: Vec<CheckLine> = problems.map(bad).collect();
    // Of many snapshots of the same records only the current ones are told in full.
    let (earlier, current): (Vec<&ReadFile>, Vec<&ReadFile>) = files.iter().partition(|file| file.superseded);
    if let (Some(first), Some(last)) = (earlier.first(), earlier.last()) {
        let text = format!(
            "{} of the same records: {} to {}",
            count(earlier.len(), "earlier export", "earlier exports"),
            first.file,
            last.file
        );
        lines.push(line(Verdict::Good, text));
    }
    lines.extend(current.iter().map(|file| line(Verdict::Good, file.lines().join("\n"))));
    lines
}

/// From when until when the records reach, and when the last test lead arrived.
fn speaks_for(rows: &DataFrame) -> Result<Vec<CheckLine>> {
    let created = rows.column("created_at")?.cast(&DataType::Int64)?;
    let created = created.i64()?;
    let day = |micros: Option<i64>| {
        micros
            .and_then(DateTime::<Utc>::from_timestamp_micros)
            .map_or("unknown".to_owned(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string())
    };
    let mut lines = vec![line(
        if created.null_count() == rows.height() { Verdict::Doubtful } else { Verdict::Good },
        format!("records created from {} until {}", day(created.min()), day(created.max())),
    )];
    let texts = ["email", "last_name", "company", "lead_source"]
        .iter()
        .filter_map(|name| rows.column(name).ok().and_then(|c| c.str().ok()).cloned())
        .collect::<Vec<_>>();
    let newest_test = (0..rows.height())
        .filter(|row| texts.iter().any(|t| t.get(*row).is_some_and(lead_source::is_test)))
        .filter_map(|row| created.get(row))
        .max();
    lines.push(match newest_test {
        Some(at) => line(Verdict::Good, format!("newest test lead (MSFT_TEST): {}", day(Some(at)))),
        None => CheckLine {
            hint: Some("press Validate in the offer's lead settings to send one, and see where it arrives".into()),
            ..line(Verdict::Good, "no test lead (MSFT_TEST) in the export".into())
        },
    });
    Ok(lines)
}

/// What kinds of records the exports hold, and what looks wrong about that.
fn holds(
    read: &crm::Read,
    destination: &Destination,
    landed: &DataFrame,
    nights: &NightsRead,
) -> Result<Vec<CheckLine>> {
    let now = crate::io::now();
    let tonight = crm::to_land(read, landed)?.lazy().with_columns([
        lit(now.timestamp_micros()).cast(tables::Kind::Instant.dtype()).alias("landed_at"),
        lit(now.date_naive()).cast(DataType::Date).alias("landed_on"),
    ]);
    let before = (landed.width() > 0).then(|| landed.clone().lazy());
    let all: Vec<LazyFrame> = before.into_iter().chain([tonight]).collect();
    let arguments = UnionArgs { diagonal: true, to_supertypes: true, maintain_order: true, ..UnionArgs::default() };
    let versions = concat_lf_diagonal(all, arguments)?.collect()?;
    let destinations = std::slice::from_ref(destination);
    let records = crm::records(&versions, destinations, now)?;
    let nights = nights.clone().with(&destination.name, coverage::judged(read, nights), &read.files);
    let ends = |day: NaiveDate| crate::queries::as_of_ends_at(day, chrono_tz::Tz::UTC);
    let (coverage, findings) =
        coverage::measure(&records, (&nights, &|_, at| at), &Table::empty(), destinations, (now, &ends))?;
    let shown = coverage::Shown::of(&coverage, destination)?;
    let mut lines: Vec<CheckLine> = shown.map(|shown| line(Verdict::Good, shown.summary())).into_iter().collect();
    let partial = coverage::cannot_show(&Table::empty(), &coverage, destinations, nights.as_of())?;
    lines.extend(findings.into_iter().map(|found| line(Verdict::Doubtful, found.text())));
    // What no export of this CRM can show is no fault of this one.
    lines.extend(partial.into_iter().map(|found| {
        let can_be_mended = found.level != level::LIST || destination.kind == DestinationKind::Salesforce;
        line(if can_be_mended { Verdict::Doubtful } else { Verdict::Good }, found.text())
    }));
    Ok(lines)
}

fn advice(destination: &Destination) -> Vec<CheckLine> {
    let advice = crm::advice(destination.kind);
    let mut lines = Vec::new();
    if destination.key.is_none() {
        lines.push(CheckLine {
            hint: Some(advice.key.trim().to_owned()),
            ..line(Verdict::Doubtful, "no key column: records are told apart by lead source, person and time".into())
        });
    }
    lines
}

/// How the export of a kind is made every night.
fn recipe(kind: DestinationKind) -> String {
    let advice = crm::advice(kind);
    format!("The export every night\n\n{}\n\nThe key column\n\n{}\n", advice.export.trim(), advice.key.trim())
}

/// How much is shown, and whether in colours.
struct Look {
    /// All lines of each thing, not the first alone.
    whole: bool,
    colours: bool,
    /// Letters that fit a line; none where it goes elsewhere than to a terminal.
    width: Option<usize>,
}

impl Look {
    fn of(globals: &Globals) -> Look {
        let is_terminal = std::io::stdout().is_terminal();
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Look {
            whole: globals.verbose > 0,
            // https://no-color.org; a terminal that calls itself dumb shows the codes instead.
            colours: is_terminal
                && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
                && std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb"),
            width: width.filter(|width| is_terminal && *width > 20),
        }
    }

    fn colour(&self, code: u8) -> Option<u8> {
        self.colours.then_some(code)
    }

    /// A text over as many lines as it takes, each but the first below the first one's words.
    fn wrapped(&self, text: &str) -> String {
        let Some(most) = self.width.map(|width| width.saturating_sub(8)) else { return text.to_owned() };
        let mut wrapped = String::new();
        let mut filled = 0;
        for word in text.split(' ') {
            let length = word.chars().count();
            if filled > 0 && filled + 1 + length > most {
                wrapped.push_str(BELOW);
                filled = 0;
            } else if filled > 0 {
                wrapped.push(' ');
                filled += 1;
            }
            wrapped.push_str(word);
            filled += length;
        }
        wrapped
    }

    /// A line that fits. What is to be fixed is shown whole.
    fn fits(&self, text: &str) -> String {
        match self.width.map(|width| width.saturating_sub(8)) {
            Some(most) if !self.whole && text.chars().count() > most => {
                text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
            }
            _ => text.to_owned(),
        }
    }
}

/// The first line, and how many more there are.
fn first_line(text: &str) -> String {
    match (text.lines().next().unwrap_or_default(), text.lines().count()) {
        (first, 0 | 1) => first.to_owned(),
        (first, lines) => format!("{first} (+{})", lines - 1),
    }
}

/// The beginning of a line that goes on with what the line above told.
const BELOW: &str = "\n       ";

const GREEN: u8 = 32;
const YELLOW: u8 = 33;
const RED: u8 = 31;
const BOLD: u8 = 1;

fn as_text(sections: &[Section], look: &Look) -> Painted {
    let mut text = Painted::default();
    for section in sections {
        text.paint(look.colour(BOLD), &section.title);
        for line in &section.lines {
            let (colour, mark) = match line.verdict {
                Verdict::Good => (GREEN, "ok  "),
                Verdict::Doubtful => (YELLOW, "look"),
                Verdict::Bad => (RED, "bad "),
            };
            let told = match (look.whole, line.verdict) {
                (true, _) => line.text.replace('\n', BELOW),
                // How a file was understood is told even where it is good: a wrong reading looks good as well.
                (false, Verdict::Good) => line.text.lines().map(|line| look.fits(line)).collect::<Vec<_>>().join(BELOW),
                (false, _) => look.wrapped(&first_line(&line.text)),
            };
            text.add("\n  ");
            text.paint(look.colour(colour), mark);
            text.add(&format!(" {told}"));
            let hint = line.hint.iter().flat_map(|hint| hint.lines());
            for hint in hint.filter(|_| look.whole || line.verdict != Verdict::Good) {
                text.add(&format!("{BELOW}{}", look.wrapped(hint)));
            }
        }
        text.add("\n");
    }
    let of = |verdict| sections.iter().flat_map(|s| &s.lines).filter(|l| l.verdict == verdict).count();
    let (colour, closing) = match (of(Verdict::Bad), of(Verdict::Doubtful)) {
        (0, 0) => (GREEN, "nothing to fix".to_owned()),
        (0, n) => (YELLOW, format!("nothing to fix, {n} to look at")),
        (n, 0) => (RED, format!("{n} to fix")),
        (n, m) => (RED, format!("{n} to fix, {m} to look at")),
    };
    text.paint(look.colour(colour), &closing);
    text.add(if look.whole { "\n" } else { "; -v tells more, --recipe KIND how an export is made\n" });
    text
}

/// The verdict over all is that of the worst line.
fn as_json(sections: &[Section]) -> String {
    let of = |verdict| sections.iter().flat_map(|s| &s.lines).any(|l| l.verdict == verdict);
    let overall = [Verdict::Bad, Verdict::Doubtful].into_iter().find(|v| of(*v)).unwrap_or(Verdict::Good);
    let sections: Vec<_> = sections
        .iter()
        .map(|s| {
            let lines: Vec<_> =
                s.lines.iter().map(|l| json!({ "verdict": word(l.verdict), "text": l.text, "hint": l.hint })).collect();
            json!({ "title": s.title, "lines": lines })
        })
        .collect();
    format!("{}\n", json!({ "verdict": word(overall), "sections": sections }))
}

/// As it stands in the JSON document.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Doubtful => "doubtful",
        Verdict::Bad => "bad",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_good_is_cut_to_the_terminal_and_what_is_to_be_fixed_goes_on_below_its_own_words() {
        let bad = CheckLine {
            hint: Some("look at the folder of the export".into()),
            ..line(Verdict::Bad, "nothing there".into())
        };
        let good = line(Verdict::Good, "readable and long enough to be cut".into());
        let sections = [Section { title: "source \u{1b}[2Ja".into(), lines: vec![good, bad] }];
        let mut expected = Painted::default();
        expected.paint(Some(1), "source \u{fffd}[2Ja");
        expected.add("\n  ");
        expected.paint(Some(32), "ok  ");
        expected.add(" readable and long eno…\n  ");
        expected.paint(Some(31), "bad ");
        expected.add(" nothing there\n       look at the folder of\n       the export\n");
        expected.paint(Some(31), "1 to fix");
        expected.add("; -v tells more, --recipe KIND how an export is made\n");
        assert_eq!(as_text(&sections, &Look { whole: false, colours: true, width: Some(30) }), expected);
    }

    #[test]
    fn what_the_last_report_inferred_is_shown_with_what_it_is_known_from() {
        let crm = crate::reconcile::tests::destination();
        let reports = [json!({
            "destination": "crm", "records_per": "person", "records_per_from": "inferred",
            "people_with_several_leads": 707, "people_with_one_record": 700,
            "grace_seconds": 8333, "grace_from": "delays", "delays": 5320
        })];
        assert_eq!(
            inferred(&crm, &reports).text,
            "records_per = \"person\" (inferred: of 707 people with several leads, 700 have one record only); \
             grace = 2 h 18 min (inferred from 5320 delays); by the last report"
        );
        assert!(inferred(&crm, &[]).text.contains("the first run infers"));
    }
}
