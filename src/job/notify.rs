//! Who is told of a night: webhooks for what is new, and a ping for whoever watches that the job runs at all.
//!
//! What was sent is remembered in the state, so that a job that runs every hour tells a thing once. Nothing here is
//! fatal: what cannot be delivered is a warning, and is tried again by the next run. No message holds personal data: it is
//! made of the headline, counts and findings that the summary shows.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::codes::level;
use crate::config::{Config, Notify, NotifyKind, Secret, Tell};
use crate::error::{Error, Result, Status};
use crate::io::reviewed::{self, Brought, Network, Reach};
use crate::io::{publish, state, webhook};
use crate::job::publish::Done;
use crate::report::Templates;

/// Memory of what was sent, below the state folder.
pub const NOTIFIED: &str = "notified.json";

/// How long it is remembered that something was sent.
const REMEMBERED: TimeDelta = TimeDelta::days(60);

/// What each webhook was told, and when.
type Memory = BTreeMap<String, BTreeMap<String, DateTime<Utc>>>;

/// Says to whoever watches that the job begins.
pub(super) fn begin(config: &Config) {
    ping(config, Some("start"), "");
}

/// Tells of a night that is over, whatever became of it.
pub(super) fn end(config: &Config, night: std::result::Result<&Done, &Error>, now: DateTime<Utc>) {
    // Another run is at work, and tells.
    if night.is_err_and(|error| error.status() == Status::Locked) {
        return;
    }
    let failure = failure(night);
    match &failure {
        Some(why) => ping(config, Some("fail"), why),
        None => ping(config, None, ""),
    }
    if config.notify.is_empty() {
        return;
    }
    let path = config.state_dir.join(NOTIFIED);
    let before: Memory =
        reviewed::text(Some(&path)).ok().and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default();
    let mut memory = before.clone();
    for hook in &config.notify {
        tell(config, hook, night, failure.as_deref(), now, &mut memory);
    }
    if memory != before {
        let kept = serde_json::to_vec_pretty(&memory).map_err(|e| Error::failed("cannot write JSON").because(e));
        if let Err(error) = kept.and_then(|bytes| publish::write_atomically(&path, &bytes)) {
            warn!("what was told is not remembered: {error}");
        }
    }
}

/// Why a night failed or was done in part, without personal data.
fn failure(night: std::result::Result<&Done, &Error>) -> Option<String> {
    match night {
        Err(error) => Some(error.what().to_owned()),
        Ok(done) if done.incomplete => Some(format!("done in part: {}", done.problems.join("; "))),
        Ok(_) => None,
    }
}

fn tell(
    config: &Config,
    hook: &Notify,
    night: std::result::Result<&Done, &Error>,
    failure: Option<&str>,
    now: DateTime<Utc>,
    memory: &mut Memory,
) {
    let Secret::Env(variable) = &hook.url else { return };
    let told = memory.entry(format!("{variable} {}", hook.kind.name())).or_default();
    told.retain(|_, at| now - *at < REMEMBERED);
    if failure.is_none() {
        // A failure after a good night is a new one.
        told.retain(|key, _| !key.starts_with("failure "));
    }
    let summary = night.ok().and_then(|done| serde_json::from_str(&done.summary_json).ok());
    let message = message(hook, summary.as_ref(), failure, config.output.url.as_deref());
    let new: BTreeSet<String> = message.keys.iter().filter(|key| !told.contains_key(*key)).cloned().collect();
    if new.is_empty() {
        return;
    }
    let sent =
        templates(config).and_then(|templates| templates.message(hook.kind.template(), &message.of(&new))).and_then(
            |body| webhook::address(variable).and_then(|url| webhook::post(&url, &body, true, hook.kind.delivered())),
        );
    match sent {
        Ok(()) => {
            info!("told {variable} of {}", crate::error::count(new.len(), "thing", "things"));
            told.extend(new.into_iter().map(|key| (key, now)));
        }
        Err(error) => warn!("{variable} could not be told: {error}; the next run tries again"),
    }
}

/// The templates of the user, or ours where those are what failed.
fn templates(config: &Config) -> Result<Templates> {
    // What the night read is kept by now: nobody is asked again.
    let last: Brought = state::kept(&config.state_dir, state::BROUGHT).unwrap_or_default();
    let reach = Reach::of(config, Network::Offline);
    let users = reviewed::overrides(&config.output.templates, "", reach, &last.templates).unwrap_or_default().texts;
    Templates::new(&users, None).or_else(|_| Templates::new(&[], None))
}

/// What there is to tell, each thing under a key by which it is known that it was told.
struct Message {
    keys: Vec<String>,
    findings: Vec<(String, Value)>,
    context: Value,
}

impl Message {
    /// What a template is given: of the findings only those that are new.
    fn of(&self, new: &BTreeSet<String>) -> Value {
        let findings: Vec<&Value> = self.findings.iter().filter(|(key, _)| new.contains(key)).map(|(_, f)| f).collect();
        let mut context = self.context.clone();
        context["findings"] = json!(findings);
        context
    }
}

fn message(hook: &Notify, summary: Option<&Value>, failure: Option<&str>, link: Option<&str>) -> Message {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let day = summary.map(|s| text(s, "as_of")).unwrap_or_default();
    let levels: Vec<&str> = [(Tell::Page, level::PAGE), (Tell::Mail, level::MAIL)]
        .into_iter()
        .filter(|(tell, _)| hook.on.contains(tell))
        .map(|(_, level)| level)
        .collect();
    let all = summary.and_then(|s| s["findings"].as_array()).map(Vec::as_slice).unwrap_or_default();
    let findings: Vec<(String, Value)> = all
        .iter()
        .filter(|f| f["new"] == true && levels.contains(&f["level"].as_str().unwrap_or_default()))
        .map(|f| {
            (format!("finding {day} {} {} {}", text(f, "code"), text(f, "destination"), text(f, "text")), f.clone())
        })
        .collect();
    let mut keys: Vec<String> = findings.iter().map(|(key, _)| key.clone()).collect();
    if hook.on.contains(&Tell::Daily) && summary.is_some() {
        keys.push(format!("daily {day}"));
    }
    if let Some(why) = failure.filter(|_| hook.on.contains(&Tell::Failure)) {
        keys.push(format!("failure {why}"));
    }
    let null = Value::Null;
    let context = json!({
        "headline": summary.map(|s| text(s, "headline")),
        "as_of": day,
        "failure": failure,
        "counts": summary.map_or(&null, |s| &s["counts"]),
        "link": link,
        "findings": [],
    });
    Message { keys, findings, context }
}

/// Pings whoever watches that the job runs.
fn ping(config: &Config, word: Option<&str>, body: &str) {
    let Some(Secret::Env(variable)) = &config.ping else { return };
    let pinged = webhook::address(variable).and_then(|address| {
        let address = word.map_or_else(|| address.clone(), |word| webhook::below(&address, word));
        webhook::post(&address, body, false, |_| true)
    });
    if let Err(error) = pinged {
        warn!("{variable} could not be pinged: {error}");
    }
}

impl NotifyKind {
    /// The template of its body.
    fn template(self) -> &'static str {
        match self {
            NotifyKind::Json => "notify.json",
            NotifyKind::Teams => "notify-teams.json",
            NotifyKind::Slack => "notify-slack.json",
        }
    }

    /// How it says that it delivered.
    fn delivered(self) -> fn(&str) -> bool {
        match self {
            NotifyKind::Json => |_| true,
            // A connector answers 200 with "Webhook message delivery failed with error: …"; a workflow answers nothing.
            NotifyKind::Teams => |answer| !answer.to_lowercase().contains("fail"),
            NotifyKind::Slack => |answer| matches!(answer.trim(), "ok" | ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_told_once_a_day_and_a_failure_once_until_a_good_night() {
        let hook = |on: &[Tell]| Notify { url: Secret::Env("X".into()), kind: NotifyKind::Json, on: on.to_vec() };
        let finding = |code: &str, level: &str, new: bool| json!({"code": code, "level": level, "new": new, "text": "t", "destination": "crm"});
        let summary = json!({"as_of": "2026-05-03", "headline": "h", "counts": {}, "findings":
            [finding("a", "page", true), finding("b", "mail", true), finding("c", "page", false)]});
        let keys = |on: &[Tell], failure| message(&hook(on), Some(&summary), failure, None).keys;
        assert_eq!(keys(&[Tell::Page, Tell::Failure], None), ["finding 2026-05-03 a crm t"]);
        assert_eq!(keys(&[Tell::Mail, Tell::Daily], None), ["finding 2026-05-03 b crm t", "daily 2026-05-03"]);
        assert_eq!(keys(&[Tell::Failure], Some("disk full")), ["failure disk full"]);
        let told = message(&hook(&[Tell::Page]), Some(&summary), None, Some("https://reports.example/"));
        let of = told.of(&BTreeSet::from(["finding 2026-05-03 a crm t".to_owned()]));
        assert_eq!((of["findings"].as_array().unwrap().len(), of["headline"].as_str()), (1, Some("h")));
    }
}
