//! Which keys `leadrecon.toml` has, what they may hold, and what holds without them.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::TimeDelta;
use chrono_tz::Tz;
use toml::Table;

use crate::codes::stage;
use crate::config::pattern::Pattern;
use crate::config::secrets;
use crate::config::section::{Reading, Section, parse_span};
use crate::config::settings::{
    Account, Auth, CallList, Config, Cost, Csv, DateOrder, Destination, DestinationKind, Exclude, ExportedAt, FIELDS,
    Grace, Identity, Mirror, Missed, Notify, NotifyKind, Offer, Outages, Output, Pii, Place, Privacy, RecordsPer,
    Replay, Report, Reviewed, Sales, Secret, Source, SplitBy, Tell, Threshold, is_elsewhere,
};
use crate::config::spelling::nearest;
use crate::error::{Error, Result};
use crate::tabular::numbers::{Mark, decimal};

impl Config {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// One error (exit 2) that lists every problem: syntax with line and column, unknown keys with the nearest known
    /// one, missing and contradicting settings.
    pub fn parse(text: &str, base: &Path) -> Result<Config> {
        let document: Table = toml::from_str(text).map_err(|e| invalid(text, &e))?;
        let secrets = secrets::places(&document);
        if !secrets.is_empty() {
            return Err(secrets::refused(&secrets));
        }
        let reading = Reading::new(base);
        let config = config(&document, base, &reading);
        let (problems, _) = reading.into_parts();
        if problems.is_empty() {
            return Ok(config);
        }
        let mut error = Error::usage(match problems.len() {
            1 => "the configuration has a problem".to_owned(),
            n => format!("the configuration has {n} problems"),
        });
        for problem in problems {
            error = error.at(problem);
        }
        Err(error.hint("leadrecon.example.toml holds every key with its meaning; `leadrecon check` tries the settings"))
    }
}

/// What is wrong with the syntax, and where; the line itself is not shown, since a secret may have been pasted into it.
fn invalid(text: &str, error: &toml::de::Error) -> Error {
    let place = error.span().and_then(|span| text.get(..span.start)).map(|before| {
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        format!("line {}, column {column}", before.matches('\n').count() + 1)
    });
    // The message speaks of the syntax; what stands in quotes may be from the file.
    let told: String = error.message().split('`').enumerate().map(|(n, part)| quoted(n, part)).collect();
    let failed = Error::usage("the configuration is not valid TOML").because(told.trim_end());
    let failed = match place {
        Some(place) => failed.at(place),
        None => failed,
    };
    failed.hint("text values stand in double quotes; see leadrecon.example.toml")
}

/// A part of a message that is divided at its quotes: marks and words of the grammar are shown, nothing else in quotes is.
fn quoted(n: usize, part: &str) -> String {
    match n % 2 {
        0 => part.to_owned(),
        _ if part.chars().count() <= 3 => format!("`{part}`"),
        _ => "`…`".to_owned(),
    }
}

pub(super) fn config(document: &Table, base: &Path, reading: &Reading) -> Config {
    let mut file = Section::of_file(reading, document);
    let sources: Vec<Source> = file.sections("source").into_iter().filter_map(source).collect();
    let destinations: Vec<Destination> = file.sections("destination").into_iter().filter_map(destination).collect();
    let witnesses: Vec<Destination> = file.sections("witness").into_iter().filter_map(witness).collect();
    if !file.has("source") {
        reading.add("no [[source]]: name at least one place where raw leads are read");
    }
    names_unique("source", sources.iter().map(|s| s.name.as_str()), reading);
    names_unique("destination", destinations.iter().map(|d| d.name.as_str()), reading);
    names_unique("witness", witnesses.iter().map(|w| w.name.as_str()), reading);
    let mut state = file.section("state");
    let cloud_of_state = cloud(&mut state);
    Config {
        base: base.to_owned(),
        output: output(file.section("output"), base),
        state_dir: state.path("dir").unwrap_or_else(|| base.join("state")),
        state_mirror: mirror(&mut state, &cloud_of_state),
        report: report(file.section("report")),
        sources,
        destinations,
        offers: file.sections("offer").into_iter().filter_map(offer).collect(),
        exclude: exclude(file.section("exclude")),
        identity: identity(file.section("identity")),
        missed: missed(file.section("missed")),
        call_list: call_list(file.section("call_list")),
        sales: Sales { touch_within: file.section("sales").span("touch_within").unwrap_or(TimeDelta::days(1)) },
        outages: Outages { alpha: file.section("outages").share("alpha").unwrap_or(0.001) },
        privacy: privacy(file.section("privacy")),
        stages: stages(&mut file),
        cost: cost(file.section("cost")),
        notify: file.sections("notify").into_iter().filter_map(notify).collect(),
        ping: ping(file.section("ping")),
        prometheus: file.section("metrics").path("prometheus"),
        witnesses,
    }
}

fn output(mut section: Section, base: &Path) -> Output {
    let cloud = cloud(&mut section);
    let queries = reviewed(&mut section, "queries", &cloud);
    let templates = reviewed(&mut section, "templates", &cloud);
    Output {
        dir: section.path("dir").unwrap_or_else(|| base.join("out")),
        keep_days: section.count("keep_days").unwrap_or(90),
        keep_people_days: section.count("keep_people_days").unwrap_or(7),
        csv: section
            .one_of("csv", &[("people-open", Csv::PeopleOpen), ("all", Csv::All), ("none", Csv::None)])
            .unwrap_or(Csv::PeopleOpen),
        url: section.text("url"),
        mirror: mirror(&mut section, &cloud),
        queries,
        templates,
    }
}

/// How what stands at `az://` is reached: the way to sign in, and the endpoint where it is not the public cloud's.
type Cloud = (Option<Auth>, Option<String>);

fn cloud(section: &mut Section) -> Cloud {
    (auth(section), section.address("endpoint"))
}

/// Files that people write, which stand on this machine or at `az://`.
fn reviewed(section: &mut Section, key: &'static str, (auth, endpoint): &Cloud) -> Reviewed {
    let at = section.texts(key).unwrap_or_default();
    let there = || at.iter().filter_map(|path| path.strip_prefix("az://"));
    if there().next().is_some() && !section.has("auth") {
        section.add_at(key, "an address at az:// needs auth beside it, e.g. auth = { default = true }");
    }
    for path in there() {
        if path.contains(['?', '&', ';']) {
            section.add_at(key, "an address at az:// has no query and no ?: a signature belongs into an environment variable that auth names; * stands for any characters");
        } else if path.split('/').filter(|part| !part.is_empty()).count() < 3 {
            section.add_at(key, "expected az://account/container/blob-or-glob");
        }
    }
    Reviewed { at, auth: auth.clone(), endpoint: endpoint.clone() }
}

fn mirror(section: &mut Section, (auth, endpoint): &Cloud) -> Option<Mirror> {
    let address = section.text("mirror")?;
    let mut parts = address.strip_prefix("az://").unwrap_or_default().splitn(3, '/');
    if !(0..2).all(|_| parts.next().is_some_and(|part| !part.is_empty())) {
        section.add_at("mirror", "expected az://account/container/prefix");
    }
    if !section.has("auth") {
        section.add("a mirror needs auth, e.g. auth = { default = true }");
    }
    Some(Mirror { address, auth: auth.clone()?, endpoint: endpoint.clone() })
}

fn notify(mut section: Section) -> Option<Notify> {
    let url = section.variable("url_env");
    let url = section.needed("url_env", url, "\"TEAMS_WEBHOOK\"");
    let kinds = [NotifyKind::Json, NotifyKind::Teams, NotifyKind::Slack];
    let kind = section.one_of("kind", &kinds.map(|kind| (kind.name(), kind))).unwrap_or(NotifyKind::Json);
    let words = [("page", Tell::Page), ("mail", Tell::Mail), ("daily", Tell::Daily), ("failure", Tell::Failure)];
    let mut on = Vec::new();
    for word in section.texts("on").unwrap_or_else(|| vec!["page".into(), "failure".into()]) {
        match words.iter().find(|(known, _)| *known == word) {
            Some((_, tell)) => on.push(*tell),
            None => section.add_at("on", &format!("\"{word}\" is unknown; expected: page, mail, daily, failure")),
        }
    }
    Some(Notify { url: Secret::Env(url?), kind, on })
}

fn ping(mut section: Section) -> Option<Secret> {
    let url = section.variable("url_env");
    if section.is_there() {
        return section.needed("url_env", url, "\"HEALTHCHECK\"").map(Secret::Env);
    }
    None
}

fn report(mut section: Section) -> Report {
    Report {
        timezone: section.zone("timezone").unwrap_or(Tz::UTC),
        pii: section.one_of("pii", &[("masked", Pii::Masked), ("full", Pii::Full)]).unwrap_or(Pii::Masked),
    }
}

fn exclude(mut section: Section) -> Exclude {
    let mut texts = |key| section.texts(key).unwrap_or_default();
    Exclude { domains: texts("domains"), emails: texts("emails"), companies: texts("companies") }
}

fn identity(mut section: Section) -> Identity {
    let accepted = section.one_in_people("wrong_joins").unwrap_or(1e-3);
    let threshold = section.share("threshold").map_or(Threshold::WrongJoins(accepted), Threshold::At);
    let cloud = cloud(&mut section);
    Identity { threshold, decisions: reviewed(&mut section, "decisions", &cloud) }
}

fn missed(mut section: Section) -> Missed {
    let cloud = cloud(&mut section);
    Missed {
        worked: reviewed(&mut section, "worked", &cloud),
        give_up: section.span("give_up").unwrap_or(TimeDelta::days(60)),
    }
}

fn call_list(mut section: Section) -> CallList {
    let words = [("country", SplitBy::Country), ("owner", SplitBy::Owner), ("offer", SplitBy::Offer)];
    CallList { split_by: section.one_of("split_by", &words) }
}

fn privacy(mut section: Section) -> Privacy {
    Privacy {
        keep: section.span_or("keep", "never").unwrap_or_else(|| parse_span("25 months").ok()),
        keep_dnc: section.span_or("keep_dnc", "never").unwrap_or(Some(TimeDelta::days(30))),
        dnc_silences_person: section.flag("dnc_silences_person").unwrap_or(false),
    }
}

fn cost(mut section: Section) -> Cost {
    let azure = section.texts("azure").unwrap_or_default();
    let spend = section.texts("spend").unwrap_or_default();
    let accounts = section.texts("storage_accounts").unwrap_or_default();
    let mut campaigns = Vec::new();
    for (campaign, offer) in section.text_by_name("campaigns") {
        match Pattern::new(&campaign) {
            Ok(pattern) => campaigns.push((pattern, offer.to_lowercase())),
            Err(error) => section.add_at("campaigns", error.what()),
        }
    }
    Cost {
        campaigns,
        auth: auth_for_exports(&mut section, azure.iter().chain(&spend)),
        endpoint: section.address("endpoint"),
        azure,
        storage_accounts: accounts.iter().map(|account| account.to_lowercase()).collect(),
        spend,
        date_order: date_order(&mut section),
        currency: section.text("currency"),
    }
}

fn date_order(section: &mut Section) -> Option<DateOrder> {
    section.one_of("date_order", &[("dmy", DateOrder::Dmy), ("mdy", DateOrder::Mdy), ("ymd", DateOrder::Ymd)])
}

/// What a source's kind needs.
#[derive(Clone, Copy, PartialEq)]
enum SourceKind {
    Table,
    Blobs,
    Files,
}

fn source(mut section: Section) -> Option<Source> {
    let kinds = [("azure-table", SourceKind::Table), ("azure-blob", SourceKind::Blobs), ("files", SourceKind::Files)];
    let name = name(&mut section);
    let kind = section.one_of("kind", &kinds);
    let kind = section.needed("kind", kind, "\"azure-table\"");
    let account = Account {
        name: section.address("account"),
        endpoint: section.address("endpoint").map(|endpoint| endpoint.trim_end_matches('/').to_owned()),
    };
    let (table, container) = (section.address("table"), section.address("container"));
    let (prefix, path) = (section.text("prefix"), section.text("path"));
    let auth = auth(&mut section);
    let formerly = section.texts("formerly").unwrap_or_default();
    for former in &formerly {
        check_name(&section, former);
    }
    let overlap = section.span("overlap").unwrap_or(TimeDelta::hours(24));
    let rescan = section.span("rescan").unwrap_or(TimeDelta::days(7));
    let deadline = section.span("deadline").unwrap_or(TimeDelta::minutes(10));

    let (name, kind) = (name?, kind?);
    use SourceKind::{Blobs, Files, Table};
    for (key, fits) in [
        ("table", kind == Table),
        ("container", kind == Blobs),
        ("prefix", kind == Blobs),
        ("path", kind == Files),
        ("account", kind != Files),
        ("endpoint", kind != Files),
        ("auth", kind != Files),
    ] {
        if section.has(key) && !fits {
            let kind = kinds.iter().find(|(_, of)| *of == kind).map_or("", |(name, _)| name);
            section.add(&format!("{key} does not belong to kind \"{kind}\""));
        }
    }
    if kind != Files && !section.has("auth") {
        section.add("auth is missing, e.g. auth = { connection_string_env = \"LEADS_CONNECTION\" }");
    }
    let is_somewhere = section.has("account") || section.has("endpoint");
    if kind != Files && !is_somewhere && auth.as_ref().is_some_and(|a| !matches!(a, Auth::ConnectionString(_))) {
        section.add("account or endpoint is missing");
    }
    let place = match kind {
        Files => Place::Files { path: section.needed("path", path, "\"raw/**/*\"")? },
        Table => Place::Table { table: section.needed("table", table, "\"marketplaceleads\"")?, account, auth: auth? },
        Blobs => {
            let container = section.needed("container", container, "\"leads\"")?;
            Place::Blobs { container, prefix: prefix.unwrap_or_default(), account, auth: auth? }
        }
    };
    Some(Source { name, place, overlap, rescan, deadline, formerly })
}

fn destination(mut section: Section) -> Option<Destination> {
    let name = name(&mut section);
    let kind = section.one_of("kind", &DestinationKind::ALL.map(|kind| (kind.name(), kind)));
    let kind = section.needed("kind", kind, "\"salesforce\"");
    let offers = section.patterns("offers").or_else(|| Pattern::new("*").ok().map(|all| vec![all]));
    let records_per = section.one_of(
        "records_per",
        &[("lead", RecordsPer::Lead), ("person", RecordsPer::Person), ("auto", RecordsPer::Auto)],
    );
    let grace = section.span_or("grace", "auto").flatten().map_or(Grace::Auto, Grace::Fixed);
    let since = section.instant("since", &[], |at| at);
    let exported_at = section
        .instant(
            "exported_at",
            &[("records", ExportedAt::Records), ("file-time", ExportedAt::FileTime)],
            ExportedAt::At,
        )
        .unwrap_or(ExportedAt::Records);
    let key = section.text("key");
    let delivered_by = section.patterns_by_name("delivered_by");
    let qualified = section.texts("qualified").unwrap_or_default();
    let won = section.texts("won").unwrap_or_default();
    let complete = section.complete();
    let refresh = section.texts("refresh").unwrap_or_default();
    let refresh_within = section.span("refresh_within").unwrap_or(TimeDelta::minutes(30));
    let link = link(&mut section);
    let replay = replay(section.section("replay"));
    let plain = exported(&mut section, name, kind);
    let cloud = plain.as_ref().map(|plain| (plain.auth.clone(), plain.endpoint.clone())).unwrap_or_default();
    let users = reviewed(&mut section, "users", &cloud);
    let plain = plain?;
    Some(Destination {
        offers: offers.unwrap_or_default(),
        records_per: records_per.unwrap_or(plain.records_per),
        grace,
        since,
        exported_at,
        key,
        delivered_by,
        qualified,
        won,
        complete,
        refresh,
        refresh_within,
        users,
        link,
        replay,
        ..plain
    })
}

/// A witness is read like a destination of kind csv.
fn witness(mut section: Section) -> Option<Destination> {
    let name = name(&mut section);
    exported(&mut section, name, Some(DestinationKind::Csv))
}

/// What destinations and witnesses say of their exports: where they are, and how they are read.
fn exported(section: &mut Section, name: Option<String>, kind: Option<DestinationKind>) -> Option<Destination> {
    let export = section.texts("export");
    let export = section.needed("export", export, "[\"exports/*.csv\"]");
    if export.as_ref().is_some_and(Vec::is_empty) {
        section.add("export is empty");
    }
    let columns = section.text_by_name("columns");
    for field in columns.keys().filter(|field| !FIELDS.contains(&field.as_str())) {
        let advice = match nearest(field, FIELDS.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known: {}", FIELDS.join(", ")),
        };
        section.add_at("columns", &format!("unknown field \"{field}\"; {advice}"));
    }
    let auth = auth_for_exports(section, export.iter().flatten());
    let endpoint = section.address("endpoint");
    let (date_order, timezone) = (date_order(section), section.zone("timezone"));
    let plain = Destination::new(name?, kind?, export?);
    Some(Destination { auth, endpoint, columns, date_order, timezone, ..plain })
}

fn replay(mut section: Section) -> Replay {
    let headers = section.variable_by_name("headers");
    Replay {
        set: section.value_by_name("set"),
        required: section.texts("required").unwrap_or_default(),
        url: section.text("url"),
        headers: headers.into_iter().map(|(name, variable)| (name, Secret::Env(variable))).collect(),
    }
}

fn offer(mut section: Section) -> Option<Offer> {
    let id = section.text("id");
    let id = section.needed("id", id, "\"contoso.data-mesh-pro\"");
    let title = section.texts("title").unwrap_or_default();
    let formerly = section.texts("formerly").unwrap_or_default();
    let stages = stages(&mut section);
    // Version 0.1 documented `type`, which never had an effect: a configuration that has it still works.
    section.retired("type");
    let value = offer_value(&mut section);
    Some(Offer {
        id: id?.to_lowercase(),
        title,
        formerly: formerly.iter().map(|former| former.to_lowercase()).collect(),
        stages,
        value,
    })
}

/// `https://contoso.example/{record_id}`
fn link(section: &mut Section) -> Option<String> {
    let link = section.text("link")?;
    let is_address = link.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    let is_plain = link.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '`' | '\\'));
    if !is_address || !is_plain || !link.contains("{record_id}") {
        section
            .add_at("link", "expected an https address with {record_id}, e.g. \"https://contoso.example/{record_id}\"");
        return None;
    }
    Some(link)
}

/// `{ amount = 12000, currency = "USD" }`
fn offer_value(section: &mut Section) -> Option<(i128, String)> {
    let given = section.value_by_name("value");
    if given.is_empty() {
        return None;
    }
    if let Some(unknown) = given.keys().find(|key| !["amount", "currency"].contains(&key.as_str())) {
        section.add_at("value", &format!("unknown key \"{unknown}\"; expected amount and currency"));
    }
    let amount = given.get("amount").and_then(|text| decimal(text, Mark::Point)).filter(|amount| *amount > 0);
    let currency = given.get("currency").map(|code| code.trim().to_uppercase()).filter(|code| code.len() == 3);
    match (amount, currency) {
        (Some(amount), Some(currency)) => Some((amount, currency)),
        _ => {
            section.add_at("value", "expected e.g. { amount = 12000, currency = \"USD\" }");
            None
        }
    }
}

fn stages(section: &mut Section) -> BTreeMap<String, String> {
    const KNOWN: [&str; 5] = [stage::TRIAL, stage::INTEREST, stage::CONTACT, stage::PURCHASE, stage::NONE];
    let stages = section.text_by_name("stages");
    for (action, stage) in stages.iter().filter(|(_, stage)| !KNOWN.contains(&stage.as_str())) {
        section.add_at("stages", &format!("{action} = \"{stage}\": expected {}", KNOWN.join(", ")));
    }
    stages
}

/// How to sign in where exports are at `az://`.
fn auth_for_exports<'a>(section: &mut Section, exports: impl Iterator<Item = &'a String>) -> Option<Auth> {
    let auth = auth(section);
    let mut at_az = exports.filter(|export| is_elsewhere(export)).peekable();
    if at_az.peek().is_some() && !section.has("auth") {
        section.add("an export at az:// needs auth, e.g. auth = { sas_env = \"EXPORTS_SAS\" }");
    }
    if at_az.any(|export| export.contains(['?', '&', ';'])) {
        section
            .add("an address at az:// has no query: a signature belongs into an environment variable that auth names");
    }
    auth
}

/// A way to sign in, by the secret it takes.
type Way = fn(Secret) -> Auth;

/// Exactly one way to sign in, where there is any.
fn auth(section: &mut Section) -> Option<Auth> {
    let mut table = section.section("auth");
    let mut found = Vec::new();
    let ways: [(_, _, Way); 3] = [
        ("connection_string_env", "connection_string_file", Auth::ConnectionString),
        ("key_env", "key_file", Auth::Key),
        ("sas_env", "sas_file", Auth::Sas),
    ];
    for (variable, file, way) in ways {
        found.extend(table.variable(variable).map(|name| way(Secret::Env(name))));
        found.extend(table.path(file).map(|path| way(Secret::File(path))));
    }
    let is_identity = table.flag("default").unwrap_or(false);
    found.extend(is_identity.then_some(Auth::Identity));
    let names = || ways.iter().flat_map(|(variable, file, _)| [*variable, *file]);
    let named = names().filter(|key| table.has(key)).count() + usize::from(is_identity);
    if table.is_there() && named != 1 {
        table.add(&format!("name exactly one of {} and default", names().collect::<Vec<_>>().join(", ")));
    }
    found.pop().filter(|_| found.is_empty())
}

fn name(section: &mut Section) -> Option<String> {
    let name = section.text("name");
    let name = section.needed("name", name, "\"marketplace\"")?;
    check_name(section, &name);
    Some(name)
}

fn check_name(section: &Section, name: &str) {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(allowed) {
        section.add("a name is made of a-z, 0-9 and -");
    }
}

fn names_unique<'a>(what: &str, names: impl Iterator<Item = &'a str>, reading: &Reading) {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    for pair in names.windows(2) {
        if pair[0] == pair[1] {
            reading.add(format!("two [[{what}]] are named \"{}\"", pair[0]));
        }
    }
}
