//! An Azure Table → raw leads: every entity, whatever the partitions.
//!
//! A read is full or from the watermark less the overlap on. Pages follow continuation tokens to the end, an empty page
//! with a token included. The watermark is the newest Timestamp read, never later than the clock at the beginning: an
//! entity written during the read is read again by the next one. A large table is read in up to four ranges of
//! partition keys side by side; together the ranges are the whole table, whatever it holds by now. Service rules: Azure
//! Table REST reference, "Query Timeout and Pagination".

use azure_core::Continuable;
use azure_data_tables::clients::{TableClient, TableServiceClientBuilder};
use chrono::{DateTime, SecondsFormat, Utc};
use futures::StreamExt;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::access::Access;
use super::retry::{Failure, Patience};
use crate::config::nearest;
use crate::error::{Error, Result};
use crate::io::intake::{Intake, OLD_DAYS};
use crate::io::landing::RawLead;
use crate::io::records;

/// Ranges that a large table is read in.
const RANGES: usize = 4;
/// From so many pages on it is worth it.
const LARGE: usize = 8;

type Token = (String, Option<String>);

/// Reads the table into the intake.
pub(super) async fn read(access: &Access, name: &str, patience: &Patience, intake: &mut Intake<'_>) -> Result<()> {
    let service = TableServiceClientBuilder::with_location(access.location.clone(), access.credentials.clone())
        .client_options(patience.options())
        .build();
    let table = service.table_client(name);
    let what = format!("table \"{name}\" at {}", access.endpoint);
    let known_until = intake.state.watermark.map(|w| w - intake.source.overlap);
    intake.report.full |= known_until.is_none();
    let since = if intake.report.full { None } else { known_until };
    let earlier_full_read = intake.state.full_read_at.is_some();
    // What there will be of a full read is known from the one before; how much is new is not.
    match intake.landed_before()? {
        n if n > 0 && intake.report.full => intake.expect(n),
        _ => {}
    }

    let (sender, mut pages) = mpsc::channel(8);
    let mut readers = tokio::task::JoinSet::new();
    for filter in filters(&intake.state.splits, since) {
        let (table, patience, sender, now) = (table.clone(), patience.clone(), sender.clone(), intake.now);
        readers.spawn(async move { range(&table, filter, &patience, now, &sender).await });
    }
    drop(sender);
    let mut firsts: Vec<String> = Vec::new();
    while let Some(page) = pages.recv().await {
        let page: Vec<RawLead> = page;
        intake.bar.inc(page.len() as u64);
        intake.report.objects += 1;
        firsts.extend(page.first().and_then(|l| l.source_key.split('/').next()).map(str::to_owned));
        // A full read proves what the increments before it had read.
        let (known, new): (Vec<_>, Vec<_>) =
            page.into_iter().partition(|l| earlier_full_read && known_until.is_some_and(|k| l.stored_at < k));
        intake.take(known, intake.report.full)?;
        intake.take(new, false)?;
    }
    let mut failed = None;
    while let Some(done) = readers.join_next().await {
        match done {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => failed = Some(failure),
            Err(e) => return Err(Error::failed("reading a table stopped").because(e)),
        }
    }
    if let Some(failure) = failed {
        if failure.is_status(&[404]) {
            return Err(not_there(&service, name, &what, patience).await);
        }
        return Err(failure.tell(&what, access.auth));
    }
    if intake.report.full {
        intake.state.splits = splits(firsts);
    }
    match intake.report.newest {
        None if intake.report.full => intake.report.notes.push(format!("{what} is there and empty")),
        None => {}
        Some(newest) => {
            // Never later than the clock when the read began, and never back because of a read that saw little.
            intake.state.watermark = Some(newest.min(intake.now));
            let days = (intake.now - newest).num_days();
            if days >= OLD_DAYS && intake.sample.is_none() {
                intake.report.notes.push(format!("the newest lead of {what} is {days} days old"));
            }
        }
    }
    Ok(())
}

/// Reads one range of the table, page by page. While a page is cut into leads, the next one is under way.
async fn range(
    table: &TableClient,
    filter: Option<String>,
    patience: &Patience,
    now: DateTime<Utc>,
    pages: &mpsc::Sender<Vec<RawLead>>,
) -> Result<(), Failure> {
    let ask = |token: Option<Token>| {
        let (table, filter, patience) = (table.clone(), filter.clone(), patience.clone());
        async move { patience.insist(|| page(&table, filter.clone(), token.clone())).await }
    };
    // A set, so that what is under way ends when this does.
    let mut under_way = tokio::task::JoinSet::new();
    under_way.spawn(ask(None));
    let mut token: Option<Token> = None;
    while let Some(asked) = under_way.join_next().await {
        let (entities, next) = asked.map_err(|_| Failure::Nonsense)??;
        // A token that leads to itself would go on for ever.
        let circle = next.is_some() && next == token;
        if let Some(next) = next.filter(|_| !circle) {
            token = Some(next.clone());
            under_way.spawn(ask(Some(next)));
        }
        let leads: Vec<RawLead> = entities.iter().map(|e| records::entity(e, now)).collect();
        if !leads.is_empty() && pages.send(leads).await.is_err() {
            // The taker failed and says so itself.
            return Ok(());
        }
        if circle {
            return Err(Failure::Nonsense);
        }
    }
    Ok(())
}

/// One page, whole, and where the next one begins.
async fn page(
    table: &TableClient,
    filter: Option<String>,
    token: Option<Token>,
) -> azure_core::Result<(Vec<Box<RawValue>>, Option<Token>)> {
    let mut query = table.query();
    if let Some(filter) = filter {
        query = query.filter(filter);
    }
    if let Some((partition, row)) = token {
        query = query.initial_partition_key(partition);
        if let Some(row) = row {
            query = query.initial_row_key(row);
        }
    }
    match query.into_stream::<Box<RawValue>>().next().await {
        Some(page) => page.map(|page| {
            let next = page.continuation();
            (page.entities, next)
        }),
        None => Ok((Vec::new(), None)),
    }
}

/// One filter per range; together they are the whole table.
fn filters(splits: &[String], since: Option<DateTime<Utc>>) -> Vec<Option<String>> {
    let quoted = |s: &String| s.replace('\'', "''");
    let since = since.map(|s| format!("Timestamp ge datetime'{}'", s.to_rfc3339_opts(SecondsFormat::Micros, true)));
    (0..=splits.len())
        .map(|n| {
            let from = n.checked_sub(1).and_then(|n| splits.get(n)).map(|s| format!("PartitionKey ge '{}'", quoted(s)));
            let to = splits.get(n).map(|s| format!("PartitionKey lt '{}'", quoted(s)));
            let parts: Vec<String> = [from, to, since.clone()].into_iter().flatten().collect();
            (!parts.is_empty()).then(|| parts.join(" and "))
        })
        .collect()
}

/// Partition keys that divide a large table evenly, from the first key of each page.
fn splits(mut firsts: Vec<String>) -> Vec<String> {
    if firsts.len() < LARGE {
        return Vec::new();
    }
    firsts.sort_unstable();
    let mut splits: Vec<String> = (1..RANGES).filter_map(|n| firsts.get(firsts.len() * n / RANGES)).cloned().collect();
    splits.dedup();
    splits
}

/// The message for a table that does not exist, with the nearest name that does.
async fn not_there(
    service: &azure_data_tables::clients::TableServiceClient,
    name: &str,
    what: &str,
    patience: &Patience,
) -> Error {
    let names: Vec<String> = patience
        .insist(|| async {
            match service.list().into_stream().next().await {
                Some(page) => page.map(|p| p.tables.into_iter().map(|t| t.name).collect()),
                None => Ok(Vec::new()),
            }
        })
        .await
        .unwrap_or_default();
    let error = Error::partial(format!("{what} does not exist"));
    match nearest(&name.to_ascii_lowercase(), names.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean \"{near}\"?")),
        None if names.is_empty() => error.hint(
            "the marketplace makes its table, MarketplaceLeads, with the first (test) lead: press Publish or Validate in \
             Partner Center, or check the account's name",
        ),
        None => error.hint(format!("the account has {}", names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_the_whole_table() {
        assert_eq!(filters(&[], None), [None]);
        let since = "2026-05-01T00:00:00Z".parse().unwrap();
        assert_eq!(filters(&[], Some(since)), [Some("Timestamp ge datetime'2026-05-01T00:00:00.000000Z'".to_owned())]);
        assert_eq!(
            filters(&["b".into(), "o'x".into()], None),
            ["PartitionKey lt 'b'", "PartitionKey ge 'b' and PartitionKey lt 'o''x'", "PartitionKey ge 'o''x'"]
                .map(|f| Some(f.to_owned()))
        );
    }

    #[test]
    fn only_a_large_table_is_divided() {
        assert_eq!(splits(vec!["a".into(); 3]), Vec::<String>::new());
        assert_eq!(splits((0..100).map(|n| format!("{n:02}")).collect()), ["25", "50", "75"]);
        assert_eq!(splits(vec!["one".into(); 50]), ["one"], "one partition: two ranges, one of them empty");
    }
}
