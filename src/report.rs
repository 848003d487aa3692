//! Finished tables and the balance → report.html, report.xlsx, summary.txt, summary.json: bytes, the same for the same day.
//!
//! Queries compute, templates place: `reports/*` may loop, choose and call a filter ([`filters`]), and a user's folder
//! overrides a template by file name. People are masked where rows become values ([`rows`]), so that no template can
//! show what it should not. The words of headline and outages are in [`words`], drawings in [`chart`], sheets in [`xlsx`].

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use polars::prelude::*;
use serde_json::{Value as Json, json};

use crate::codes::level;
use crate::config::Pii;
use crate::error::{Error, Result};
use crate::findings::{OutageWords, titles};
use crate::history::ToldFinding;
use crate::queries::{Catalog, Computed};
use crate::tables;

pub mod actions;
pub mod call_list;
pub mod chart;
pub mod filters;
pub mod links;
pub mod metrics;
pub mod rows;
pub mod words;
pub mod xlsx;

use rows::View;
use words::{Figures, Headline, Outage};

/// Version of the shape of summary.json.
pub const SCHEMA: u32 = 2;
/// Most rows of a table in report.html; what is more stands in the tables.
const MOST_SHOWN: usize = 200;

/// Every built-in template by its name below `reports/`; a test proves that no file is forgotten.
const BUILT_IN: &[(&str, &str)] = &[
    ("report.html", include_str!("../reports/report.html")),
    ("parts.html", include_str!("../reports/parts.html")),
    ("style.css", include_str!("../reports/style.css")),
    ("headline.html", include_str!("../reports/headline.html")),
    ("actions.html", include_str!("../reports/actions.html")),
    ("figures.html", include_str!("../reports/figures.html")),
    ("balance.html", include_str!("../reports/balance.html")),
    ("findings.html", include_str!("../reports/findings.html")),
    ("missed_leads.html", include_str!("../reports/missed_leads.html")),
    ("outages.html", include_str!("../reports/outages.html")),
    ("causes.html", include_str!("../reports/causes.html")),
    ("at_risk.html", include_str!("../reports/at_risk.html")),
    ("recovered_leads.html", include_str!("../reports/recovered_leads.html")),
    ("untouched.html", include_str!("../reports/untouched.html")),
    ("funnel.html", include_str!("../reports/funnel.html")),
    ("cost.html", include_str!("../reports/cost.html")),
    ("trend.html", include_str!("../reports/trend.html")),
    ("exports.html", include_str!("../reports/exports.html")),
    ("data_quality.html", include_str!("../reports/data_quality.html")),
    ("identity.html", include_str!("../reports/identity.html")),
    ("own.html", include_str!("../reports/own.html")),
    ("notes.html", include_str!("../reports/notes.html")),
    ("glossary.html", include_str!("../reports/glossary.html")),
    ("summary.txt", include_str!("../reports/summary.txt")),
    ("notify.json", include_str!("../reports/notify.json")),
    ("notify-slack.json", include_str!("../reports/notify-slack.json")),
    ("notify-teams.json", include_str!("../reports/notify-teams.json")),
];

/// The templates of messages.
const MESSAGES: [&str; 3] = ["notify.json", "notify-slack.json", "notify-teams.json"];

/// A message of a good night, and one of a failure.
fn made_up_messages() -> [Json; 2] {
    let finding =
        json!({"level": "page", "code": "missed", "destination": "crm", "text": "a \"b\"\n", "count": 1, "new": true});
    [
        json!({"headline": "h \"x\"", "as_of": "2026-05-03", "failure": null, "counts": {"open": 1}, "link": "https://r.example/", "findings": [finding]}),
        json!({"headline": null, "as_of": "", "failure": "disk full", "counts": null, "link": null, "findings": []}),
    ]
}

/// What the report tells beside the tables, as the stages serialise it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Both sides of the books: `equations` and `destinations`.
    pub balance: Json,
    /// Every export file that was read: form, columns, rows; a list.
    pub exports: Json,
    /// What was inferred of each destination: records_per, grace; a list.
    pub inferred: Json,
    /// Quality of the identity model.
    pub identity: Json,
    /// What could not be read, one line each, without personal data; the report is incomplete if there is any.
    pub problems: Vec<String>,
    /// Where records are opened, by destination: see [`links`].
    pub links: BTreeMap<String, String>,
    /// People on the call list: open, and neither opted out nor of an export that is not believed.
    pub to_call: i64,
    /// Median hours from the first report of a missed lead to its being settled.
    pub settled_hours: Option<f64>,
    /// Whether no report was made before.
    pub is_first: bool,
    /// The rows of `findings`, as data.
    pub findings: Vec<ToldFinding>,
    /// The outages in words, by their id.
    pub outages: BTreeMap<String, OutageWords>,
}

/// Everything a report is made of.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The day of the report.
    pub as_of: NaiveDate,
    /// Zone of days and times shown.
    pub timezone: Tz,
    /// Masked or in full.
    pub pii: Pii,
    /// Every table of the run, those of the queries included.
    pub catalog: &'a Catalog,
    /// The queries' results with their titles, and the checks.
    pub computed: &'a Computed,
    /// What else is told.
    pub facts: &'a Facts,
}

/// The templates of a run, built-in and the user's.
#[derive(Debug)]
pub struct Templates {
    env: Environment<'static>,
    /// Names of the user's own files that are rendered beside the report.
    added: Vec<String>,
}

impl Templates {
    /// The built-in templates, overridden and added to by the user's (name, text). All are read; given what the queries
    /// make of nothing, they are rendered over no row and over one made-up row of every table, so that a fault is told
    /// before the first lead is fetched. Where no template and no query is the user's, tests have done that.
    ///
    /// # Errors
    /// Exit 2, with template and line.
    pub fn new(users: &[(String, String)], empty: Option<&Computed>) -> Result<Templates> {
        let mut env = Environment::new();
        // The crate is built without its debug feature, which prints the variables in scope, rows included, into errors.
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_auto_escape_callback(|name| if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None });
        env.set_formatter(|out, state, value| {
            let nothing = Value::from(filters::NOTHING);
            minijinja::escape_formatter(out, state, if value.kind() == ValueKind::None { &nothing } else { value })
        });
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
        env.set_syntax(syntax.map_err(|e| Error::failed("the templates' syntax is refused").because(e))?);
        filters::register(&mut env);
        let mut texts: BTreeMap<String, String> =
            BUILT_IN.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
        texts.extend(users.iter().cloned());
        for (name, text) in texts {
            env.add_template_owned(name.clone(), text).map_err(|e| {
                Error::usage("a template cannot be read")
                    .because(e.kind())
                    .at(format!("template {name}:{}", e.line().unwrap_or(0)))
            })?;
        }
        let is_ours = |name: &str| BUILT_IN.iter().any(|(ours, _)| *ours == name);
        let added = users.iter().map(|(name, _)| name.clone());
        let added = added.filter(|name| !is_ours(name) && !is_part(name)).collect();
        if let Some((name, _)) = users.iter().find(|(name, _)| WRITTEN.contains(&name.as_str())) {
            return Err(Error::usage(format!("a template of yours cannot be called {name}"))
                .because("a file of this name is written without a template")
                .hint("give it another name, or begin it with _ if it is a part of others"));
        }
        let templates = Templates { env, added };
        let Some(empty) = empty else { return Ok(templates) };
        let tried = |e: Error| {
            Error::usage("a template was tried and failed")
                .because(e)
                .hint("templates are tried before anything is fetched")
        };
        for rows in [0, 1] {
            let mut catalog = Catalog::new();
            for name in Catalog::empty().names().chain(empty.tables.iter().map(|t| t.name.as_str())) {
                let made = empty.tables.iter().find(|t| t.name == name).map(|t| t.frame.clone());
                let frame = made.or_else(|| Catalog::empty().get(name).cloned()).unwrap_or_default();
                catalog.insert(name, made_up(&frame, rows)?);
            }
            let mut computed = empty.clone();
            for table in &mut computed.tables {
                table.frame = made_up(&table.frame, rows)?;
            }
            let facts = if rows == 0 { Facts::default() } else { made_up_facts() };
            let day = NaiveDate::default();
            let inputs = Inputs {
                as_of: day,
                timezone: Tz::UTC,
                pii: Pii::Masked,
                catalog: &catalog,
                computed: &computed,
                facts: &facts,
            };
            let report = Report::of(inputs).map_err(tried)?;
            report.html(&templates).map_err(tried)?;
            report.own_pages(&templates).map_err(tried)?;
            report.summary_text(&templates).map_err(tried)?;
        }
        for name in MESSAGES {
            for context in made_up_messages() {
                templates.message(name, &context).map_err(tried)?;
            }
        }
        Ok(templates)
    }

    /// A message about a night, as JSON.
    ///
    /// # Errors
    /// When the template fails, or what it makes is no JSON (exit 4).
    pub fn message(&self, name: &str, context: &Json) -> Result<String> {
        let text = self.render(name, Value::from(Serde(context)))?;
        serde_json::from_str::<Json>(&text)
            .map_err(|e| Error::failed(format!("the message of template {name} is no JSON")).because(e))?;
        Ok(text)
    }

    fn render(&self, name: &str, context: Value) -> Result<String> {
        self.env.get_template(name).and_then(|t| t.render(context)).map_err(|e| self.fault(&e))
    }

    /// The innermost fault, by template, line and what stands there: an error inside an included file says only that the
    /// include failed. The line is the template's own text; no value of a row is in it.
    fn fault(&self, error: &minijinja::Error) -> Error {
        let mut inner = error;
        while let Some(source) = std::error::Error::source(inner).and_then(|s| s.downcast_ref::<minijinja::Error>()) {
            inner = source;
        }
        let (name, line) = (inner.name().unwrap_or("?"), inner.line().unwrap_or(0));
        let template = self.env.get_template(name).ok();
        let source = template.as_ref().and_then(|t| t.source().lines().nth(line.saturating_sub(1)));
        let why = format!("{}: {}", inner.kind(), inner.detail().unwrap_or("no detail"));
        let error = Error::failed("a template of the report cannot be rendered")
            .at(format!("template {name}:{line}"))
            .because(why);
        match source.map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => {
                let stands: String = text.chars().take(160).collect();
                error.at(format!("there stands: {stands}")).hint("docs/templates.md lists what a template may use")
            }
            None => error,
        }
    }
}

/// A file whose name begins with an underscore, or that lies in a folder, is a part of others and no page of its own.
fn is_part(name: &str) -> bool {
    name.contains('/') || name.starts_with('_')
}

/// What a run writes itself.
const WRITTEN: &[&str] = &["summary.json", "report.xlsx", "call-list.xlsx", "manifest.json"];

/// A frame of the same shape with as many made-up rows: zeros, and `x`.
fn made_up(frame: &DataFrame, rows: usize) -> Result<DataFrame> {
    let columns = frame.columns().iter().map(|column| {
        let value = match column.dtype() {
            DataType::String => AnyValue::String("x"),
            DataType::Boolean => AnyValue::Boolean(true),
            DataType::Binary => AnyValue::Binary(b"x"),
            _ => AnyValue::Int64(0),
        };
        let made = Series::from_any_values(column.name().clone(), &vec![value; rows], false)?;
        Ok::<_, PolarsError>(polars::prelude::Column::from(made.cast(column.dtype())?))
    });
    let columns = columns.collect::<PolarsResult<Vec<_>>>()?;
    Ok(DataFrame::new(rows, columns)?)
}

/// One of everything that stages tell.
fn made_up_facts() -> Facts {
    let term = json!({"name": "x", "count": 1});
    let form = json!({"container": "csv", "encoding": "utf-8", "delimiter": "comma"});
    Facts {
        balance: json!({
            "equations": [{"destination": "x", "whole": term, "parts": [term, term]}],
            "destinations": [{"destination": "x", "routed": 1, "delivered": 1, "person_known": 0, "missed": 0, "pending": 0, "excluded": 0}],
        }),
        exports: json!([{"destination": "x", "file": "x", "object": "lead", "form": form, "rows": 1, "records": 1,
            "date_order": "", "columns": {"email": ["E-mail"]}}]),
        inferred: json!([{"destination": "x", "records_per": "lead", "records_per_from": "inferred", "grace_seconds": 3600,
            "grace_from": "delays"}]),
        identity: json!({"leads": 1}),
        problems: vec!["x".to_owned()],
        links: BTreeMap::from([("x".to_owned(), "https://crm.example/{record_id}".to_owned())]),
        to_call: 1,
        settled_hours: Some(1.0),
        is_first: false,
        findings: Vec::new(),
        outages: BTreeMap::new(),
    }
}

/// The report of a night: the words and counts that all its outputs tell, made once.
#[derive(Debug)]
pub struct Report<'a> {
    inputs: Inputs<'a>,
    view: View,
    figures: Figures,
    headline: Headline,
    outages: Vec<Outage>,
    /// What each offer is called.
    titles: BTreeMap<String, String>,
}

impl<'a> Report<'a> {
    /// Counts the tables and puts into words what they tell.
    ///
    /// # Errors
    /// When a table lacks a column.
    pub fn of(inputs: Inputs<'a>) -> Result<Report<'a>> {
        let view = View { pii: inputs.pii, timezone: inputs.timezone };
        let facts = inputs.facts;
        let figures = Figures { to_call: facts.to_call, ..Figures::of(inputs.catalog)? };
        let titles = inputs.catalog.get("leads").map(titles).transpose()?.unwrap_or_default();
        let outages = words::outages(inputs.catalog, &facts.outages, &titles, view)?;
        let beside =
            words::Beside { findings: &facts.findings, problems: facts.problems.len(), is_first: facts.is_first };
        let headline = words::headline(&figures, inputs.catalog, &outages, &beside)?;
        Ok(Report { inputs, view, figures, headline, outages, titles })
    }

    /// The counts that it speaks of.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// report.html: one file, no script, no network.
    ///
    /// # Errors
    /// When a template fails (exit 4), with its name and line and no rows.
    pub fn html(&self, templates: &Templates) -> Result<String> {
        templates.render("report.html", self.context()?)
    }

    /// summary.txt: ten lines for the body of a mail, without personal data.
    ///
    /// # Errors
    /// When the template fails (exit 4).
    pub fn summary_text(&self, templates: &Templates) -> Result<String> {
        let outages: Vec<&str> = self.outages.iter().map(|o| o.brief.as_str()).collect();
        let mut context = self.basics();
        context.insert("outages", Value::from(Serde(&outages)));
        context.insert("new_findings", Value::from(Serde(&new_findings(&self.inputs.facts.findings))));
        templates.render("summary.txt", Value::from(context))
    }

    /// summary.json: schema, counts, balance, findings, versions. Without personal data.
    ///
    /// # Errors
    /// When a table lacks a column.
    pub fn summary_json(&self) -> Result<Json> {
        let inputs = &self.inputs;
        let mut findings = Vec::new();
        if let Some(frame) = inputs.catalog.get("findings") {
            let text = |name: &str| Ok::<_, PolarsError>(frame.column(name)?.str()?.clone());
            let (levels, codes, destinations, texts) =
                (text("level")?, text("code")?, text("destination")?, text("text")?);
            let (counts, new) = (frame.column("count")?.i64()?, frame.column("new")?.bool()?);
            for row in by_level(frame)? {
                findings.push(json!({
                    "level": levels.get(row), "code": codes.get(row), "destination": destinations.get(row),
                    "text": texts.get(row), "count": counts.get(row), "new": new.get(row),
                }));
            }
        }
        let rows: BTreeMap<&str, usize> = inputs
            .catalog
            .names()
            .filter_map(|name| Some((name, inputs.catalog.get(name)?.height())))
            .filter(|(name, _)| is_published(name, inputs.computed))
            .collect();
        let outages: Vec<Json> = self
            .outages
            .iter()
            .map(|o| json!({"outage_id": o.id, "destination": o.destination, "ongoing": o.ongoing, "text": o.text}))
            .collect();
        Ok(json!({
            "schema": SCHEMA,
            "as_of": inputs.as_of.to_string(),
            "timezone": inputs.timezone.name(),
            "complete": inputs.facts.problems.is_empty(),
            "problems": inputs.facts.problems,
            "headline": self.headline.text,
            "tone": self.headline.tone,
            "more": self.headline.more,
            "counts": named(&self.figures)?,
            "median_hours_to_settled": inputs.facts.settled_hours,
            "balance": inputs.facts.balance,
            "inferred": inputs.facts.inferred,
            "identity": inputs.facts.identity,
            "outages": outages,
            "findings": findings,
            "checks": inputs.computed.checks,
            "tables": rows,
            "versions": {"leadrecon": env!("CARGO_PKG_VERSION"), "summary": SCHEMA},
        }))
    }

    /// The user's own templates, rendered: name of the file and its text.
    ///
    /// # Errors
    /// As [`Report::html`].
    pub fn own_pages(&self, templates: &Templates) -> Result<Vec<(String, String)>> {
        if templates.added.is_empty() {
            return Ok(Vec::new());
        }
        let context = self.context()?;
        let page = |name: &String| Ok((name.clone(), templates.render(name, context.clone())?));
        templates.added.iter().map(page).collect()
    }

    /// report.xlsx: the tables of the report as sheets.
    ///
    /// # Errors
    /// When the writer refuses (exit 4).
    pub fn workbook(&self) -> Result<Vec<u8>> {
        let (inputs, view) = (&self.inputs, self.view);
        let mut sheets = vec![overview(self)];
        let contract = SHEETS.iter().copied();
        let own = inputs.computed.tables.iter().filter(|t| t.own).map(|t| t.name.as_str());
        for name in contract.chain(own) {
            let Some(frame) = inputs.catalog.get(name) else { continue };
            let names = frame.get_column_names();
            let shown = frame.height().min(xlsx::MOST_ROWS + 1);
            let mut rows = vec![Vec::with_capacity(frame.width()); shown];
            for column in frame.columns() {
                for (place, row) in rows.iter_mut().enumerate() {
                    row.push(view.cell(column.name(), column.get(place)?));
                }
            }
            let columns = names.iter().enumerate().map(|(place, name)| {
                let longest =
                    rows.iter().take(SAMPLED).filter_map(|row| row.get(place)).map(xlsx::Cell::characters).max();
                let titled = name.replace('_', " ");
                let width = longest.unwrap_or(0).clamp(7, WIDEST).max(titled.chars().count().min(14));
                xlsx::Column::new(titled, width as f64 + 2.0)
            });
            let columns = columns.collect();
            sheets.push(xlsx::Sheet { name: name.replace('_', " "), columns, rows, printed: None });
        }
        xlsx::workbook(&format!("leadrecon report {}", inputs.as_of), inputs.as_of, inputs.timezone, &sheets)
    }

    fn basics(&self) -> BTreeMap<&'static str, Value> {
        let inputs = &self.inputs;
        BTreeMap::from([
            ("as_of", Value::from(inputs.as_of.to_string())),
            ("as_of_spoken", Value::from(inputs.as_of.format("%A %-d %B %Y").to_string())),
            ("timezone", Value::from(inputs.timezone.name())),
            ("version", Value::from(env!("CARGO_PKG_VERSION"))),
            ("masked", Value::from(inputs.pii == Pii::Masked)),
            ("problems", Value::from(Serde(&inputs.facts.problems))),
            ("headline", Value::from(Serde(&self.headline))),
            ("figures", Value::from(Serde(&self.figures))),
            ("actions", Value::from(Serde(actions::actions(&self.figures, &self.outages, &inputs.facts.findings)))),
            ("settled_seconds", Value::from(Serde(inputs.facts.settled_hours.map(|h| h * 3600.0)))),
            ("equations", Value::from(Serde(equations(&inputs.facts.balance)))),
            ("balance", with_lists(&inputs.facts.balance, &["equations", "destinations"])),
            ("checks", Value::from(Serde(&inputs.computed.checks))),
        ])
    }

    fn context(&self) -> Result<Value> {
        let inputs = &self.inputs;
        let mut context = self.basics();
        let mut rows = |name: &'static str, frame: Option<DataFrame>| -> Result<()> {
            let frame = frame.unwrap_or_default();
            context.insert(
                name,
                Value::from(BTreeMap::from([
                    ("rows", Value::from(self.view.rows(&frame, MOST_SHOWN)?)),
                    ("height", Value::from(frame.height())),
                    ("more", Value::from(frame.height().saturating_sub(MOST_SHOWN))),
                ])),
            );
            Ok(())
        };
        let table = |name: &str| inputs.catalog.get(name).cloned();
        for name in SHEETS.iter().copied().filter(|n| {
            !matches!(*n, "findings" | "missed_leads" | "recovered_leads" | "cost" | "weeks")
                && !n.starts_with("funnel")
                && *n != "arrivals"
        }) {
            rows(name, table(name))?;
        }
        for name in ["untouched_by_owner", "at_risk_total", "funnel_by_country", "funnel_by_campaign"] {
            rows(name, table(name))?;
        }
        let open = table("missed_leads").map(|f| {
            f.lazy().filter(col("status").neq(lit("closed")).and(col("status").neq(lit("given-up")))).collect()
        });
        rows("missed_leads", open.transpose()?)?;
        let latest = |f: DataFrame| {
            let order = SortMultipleOptions::default().with_order_descending(true).with_maintain_order(true);
            f.sort(["recovered_on"], order)
        };
        rows("recovered_leads", table("recovered_leads").map(latest).transpose()?)?;
        let findings = table("findings").map(|f| taken(&f, &by_level(&f)?)).transpose()?;
        rows("findings", findings)?;
        let is = |column: &str, value: &str| col(column).eq(lit(value.to_owned()));
        for name in ["funnel_steps", "arrivals", "funnel_change"] {
            let all = table(name).map(|f| f.lazy().filter(is("offer_id", "(all)")).collect()).transpose()?;
            rows(name, all)?;
        }
        let filtered = |name: &str, keep: Expr| -> Result<Option<DataFrame>> {
            let newest_first = SortMultipleOptions::default().with_order_descending(true).with_maintain_order(true);
            Ok(table(name).map(|f| f.lazy().filter(keep).sort(["period"], newest_first).collect()).transpose()?)
        };
        rows("funnel_months", filtered("funnel", is("offer_id", "(all)").and(is("storefront", "(all)")))?)?;
        rows("funnel_offers", filtered("funnel", is("offer_id", "(all)").not().and(is("storefront", "(all)")))?)?;
        rows("cost_months", filtered("cost", is("offer_id", "(all)"))?)?;
        rows("cost_offers", filtered("cost", is("offer_id", "(all)").not().and(is("campaign", "(all)")))?)?;
        rows("cost_campaigns", filtered("cost", is("campaign", "(all)").not().and(is("campaign", "(none)").not()))?)?;

        context.insert("links", Value::from(inputs.facts.links.clone()));
        context.insert("titles", Value::from(self.titles.clone()));
        context.insert("outage_words", Value::from(Serde(&self.outages)));
        context.insert("line", Value::from(Serde(chart::line(inputs.catalog, &self.outages)?)));
        let weeks = inputs.catalog.get("weeks").map(chart::weeks).transpose()?.unwrap_or_default();
        context.insert("week_charts", Value::from(Serde(&weeks)));
        let trends = inputs.catalog.get("nights").map(chart::trends).transpose()?.unwrap_or_default();
        context.insert("trends", Value::from(Serde(&trends)));
        context.insert("exports", listed(&inputs.facts.exports));
        context.insert("inferred", listed(&inputs.facts.inferred));
        context.insert("identity", with_lists(&inputs.facts.identity, &[]));
        let mut own = Vec::new();
        let mut grains = Vec::new();
        for computed in &inputs.computed.tables {
            grains.push(BTreeMap::from([
                ("name", Value::from(computed.name.as_str())),
                ("title", Value::from(computed.title.as_str())),
                ("grain", Value::from(computed.grain.as_str())),
            ]));
            if computed.own {
                let columns: Vec<String> = computed.frame.get_column_names().iter().map(|c| c.to_string()).collect();
                own.push(Value::from(BTreeMap::from([
                    ("name", Value::from(computed.name.as_str())),
                    ("title", Value::from(computed.title.as_str())),
                    ("grain", Value::from(computed.grain.as_str())),
                    ("columns", Value::from(columns)),
                    ("rows", Value::from(self.view.rows(&computed.frame, MOST_SHOWN)?)),
                    ("more", Value::from(computed.frame.height().saturating_sub(MOST_SHOWN))),
                ])));
            }
        }
        context.insert("own_tables", Value::from(own));
        context.insert("grains", Value::from(grains.into_iter().map(Value::from).collect::<Vec<_>>()));
        Ok(Value::from(context))
    }
}

/// The counts, those by level under the names of the levels.
fn named(figures: &Figures) -> Result<Json> {
    let mut counts =
        serde_json::to_value(figures).map_err(|e| Error::failed("cannot serialise the counts").because(e))?;
    for (name, by_level) in [("findings", figures.findings), ("new_findings", figures.new_findings)] {
        let named: serde_json::Map<String, Json> =
            level::ALL.iter().zip(by_level).map(|(level, count)| ((*level).to_owned(), json!(count))).collect();
        counts[name] = Json::Object(named);
    }
    Ok(counts)
}

/// The tables that report.xlsx shows, in the order of the report.
const SHEETS: &[&str] = &[
    "findings", "missed_leads", "outages", "outage_losses", "causes", "at_risk", "recovered_leads", "untouched",
    "unexplained_records", "lost_at_source", "funnel", "funnel_steps", "arrivals", "funnel_change",
    "funnel_by_country", "funnel_by_campaign", "cost", "storage_cost", "verdicts_by_reason", "weeks", "coverage",
    "data_quality", "set_aside", "identity_quality",
];

/// Rows that are looked at for the width of a column of report.xlsx, and most characters of one; longer texts wrap.
const SAMPLED: usize = 500;
const WIDEST: usize = 56;

/// First sheet: the headline, the books, and whether the report is complete.
fn overview(report: &Report<'_>) -> xlsx::Sheet {
    let inputs = &report.inputs;
    let text = |t: &str| xlsx::Cell::Text(t.to_owned());
    let mut rows = vec![
        vec![text("As of"), text(&format!("{} ({})", inputs.as_of, inputs.timezone.name()))],
        vec![text("Headline"), text(&report.headline.text)],
    ];
    rows.extend(report.headline.more.iter().map(|m| vec![xlsx::Cell::Empty, text(m)]));
    rows.extend(inputs.facts.problems.iter().map(|p| vec![text("Incomplete"), text(p)]));
    rows.extend(equations(&inputs.facts.balance).iter().map(|e| vec![text("Balance"), text(e)]));
    rows.extend(report.outages.iter().map(|o| vec![text("Outage"), text(&o.text)]));
    xlsx::Sheet {
        name: "Overview".to_owned(),
        columns: vec![xlsx::Column::new("What", 14.0), xlsx::Column::new("In words", 120.0)],
        rows,
        printed: None,
    }
}

/// The equations of the balance as lines.
fn equations(balance: &Json) -> Vec<String> {
    let term = |t: &Json| {
        let n = t.get("count").and_then(Json::as_i64).unwrap_or(0);
        format!("{} {}", filters::count(n), t.get("name").and_then(Json::as_str).unwrap_or_default())
    };
    let list = |of: Option<&Json>| of.and_then(Json::as_array).cloned().unwrap_or_default();
    list(balance.get("equations"))
        .iter()
        .map(|e| {
            let place = e.get("destination").and_then(Json::as_str).map(|d| format!("{d}: ")).unwrap_or_default();
            let parts: Vec<String> = list(e.get("parts")).iter().map(term).collect();
            format!("{place}{} = {}", e.get("whole").map(term).unwrap_or_default(), parts.join(" + "))
        })
        .collect()
}

fn is_published(name: &str, computed: &Computed) -> bool {
    tables::ALL.iter().any(|d| d.published && d.name == name) || computed.tables.iter().any(|t| t.own && t.name == name)
}

/// Row numbers of the findings, most urgent level first, new ones first, then as they stand.
fn by_level(findings: &DataFrame) -> Result<Vec<usize>> {
    let (levels, new) = (findings.column("level")?.str()?, findings.column("new")?.bool()?);
    let mut order: Vec<usize> = (0..findings.height()).collect();
    let rank = |row: usize| {
        let urgency = level::ALL.iter().position(|l| Some(*l) == levels.get(row)).unwrap_or(level::ALL.len());
        (urgency, !new.get(row).unwrap_or(false), row)
    };
    order.sort_by_key(|row| rank(*row));
    Ok(order)
}

fn taken(frame: &DataFrame, order: &[usize]) -> Result<DataFrame> {
    let indices: Vec<IdxSize> = order.iter().map(|n| *n as IdxSize).collect();
    Ok(frame.take(&IdxCa::from_vec("order".into(), indices))?)
}

/// The new findings that are to be acted on, at most three: what each is; what to do about it stands in the report.
fn new_findings(findings: &[ToldFinding]) -> Vec<String> {
    let new = findings.iter().filter(|told| told.is_new && told.finding.level != level::LIST);
    // Most texts name the destination themselves.
    let named = |told: &ToldFinding| {
        let (text, name) = (told.words.brief(), &told.finding.destination);
        if text.to_lowercase().contains(&name.to_lowercase()) { text } else { format!("{name}: {text}") }
    };
    new.take(3).map(named).collect()
}

/// JSON as a template's value. Not by serde: with arbitrary precision a number would serialise as a map.
fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(yes) => Value::from(*yes),
        Json::Number(n) => match n.as_i64() {
            Some(whole) => Value::from(whole),
            None => n.as_f64().map_or(Value::from(()), Value::from),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(list) => Value::from(list.iter().map(value_of).collect::<Vec<_>>()),
        Json::Object(map) => Value::from(map.iter().map(|(k, v)| (k.clone(), value_of(v))).collect::<BTreeMap<_, _>>()),
    }
}

/// A list, empty if there is none.
fn listed(json: &Json) -> Value {
    if json.is_array() { value_of(json) } else { Value::from(Vec::<Value>::new()) }
}

/// A map that has at least these lists.
fn with_lists(json: &Json, lists: &[&str]) -> Value {
    let mut map = json.as_object().cloned().unwrap_or_default();
    for name in lists {
        map.entry(*name).or_insert_with(|| json!([]));
    }
    value_of(&Json::Object(map))
}

#[cfg(test)]
mod tests;
