//! A query's text → its header, and the refusal of what it must not hold. Parsing only: nothing is run.
//!
//! Refused are statements that are no `select`, table functions (they read files), a CTE named as a table (Polars takes
//! the table, pola-rs/polars#19323), and a window function in a statement that groups (Polars gives 1.0 for every row).

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, FunctionArguments, GroupByExpr, ObjectName, OrderByKind, Query, Select, SetExpr, Statement, TableFactor,
    Visit, Visitor,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use crate::error::{Error, Result};

/// The comment on top of a query file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// First line: what the table says, or what a check claims.
    pub title: String,
    /// What a row is.
    pub grain: String,
    /// The columns that name a row.
    pub key: Vec<String>,
    /// The tables it reads.
    pub reads: Vec<String>,
    /// Whether the statement says in which order the rows stand.
    pub ordered: bool,
}

/// Reads a query file: header and statement agree, and nothing in it is refused.
///
/// # Errors
/// Exit 2, with what is wrong and how to put it right.
pub fn read(text: &str, tables: &BTreeSet<String>) -> Result<Header> {
    let header = header(text)?;
    let query = parse(text)?;
    let used = inspect(&query, tables)?;
    let declared: BTreeSet<String> = header.reads.iter().cloned().collect();
    if used != declared {
        let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
        return Err(Error::usage("the line \"reads\" of the header differs from what the query reads")
            .because(format!("header: {}; query: {}", list(&declared), list(&used))));
    }
    let order = order_of(&query);
    if order.as_deref() != Some(&header.key) {
        return Err(Error::usage("the query does not end in `order by` its key").because(format!(
            "key: {}; order by: {}",
            header.key.join(", "),
            order.unwrap_or_default().join(", ")
        )));
    }
    Ok(header)
}

/// Reads a query of a user's own: a select, with a header or without. What the header leaves out follows from the file's
/// name and the statement; without a key the rows stay in the order in which the query puts them.
///
/// # Errors
/// Exit 2, for a statement that is refused.
pub fn read_own(name: &str, text: &str, tables: &BTreeSet<String>) -> Result<Header> {
    let query = parse(text)?;
    let reads = tables_of(text, tables)?.into_iter().collect();
    let lines = comment(text);
    let title = lines.first().filter(|line| !begins_a_part(line)).map(|line| (*line).to_owned());
    Ok(Header {
        title: title.filter(|t| !t.is_empty()).unwrap_or_else(|| name.replace(['_', '-'], " ")),
        grain: part(&lines, "grain").unwrap_or_else(|| "one row per row of the query".to_owned()),
        key: part(&lines, "key").map(listed).unwrap_or_default(),
        reads,
        ordered: query.order_by.is_some(),
    })
}

/// The tables a question reads, all of which must be among those offered.
///
/// # Errors
/// Exit 2.
pub fn tables_of(question: &str, tables: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let used = inspect(&parse(question)?, tables)?;
    for name in &used {
        if !tables.contains(name) {
            let near = tables.iter().min_by_key(|t| (strsim::damerau_levenshtein(t, name), *t));
            return Err(Error::usage(format!("there is no table \"{name}\"")).hint(format!(
                "{}tables: {}",
                near.map(|n| format!("did you mean {n}? ")).unwrap_or_default(),
                tables.iter().cloned().collect::<Vec<_>>().join(", ")
            )));
        }
    }
    Ok(used)
}

/// A statement in the steps in which it can be done.
#[derive(Debug, PartialEq, Eq)]
pub struct Steps {
    /// Common table expressions by name, each of which may read those before it.
    pub named: Vec<(String, String)>,
    /// What is asked of them.
    pub last: String,
}

/// Takes the common table expressions out of a statement, to be computed one by one: the engine plans and computes each
/// anew wherever it is read, and so those that it reads, again and again. A statement of another kind is one step.
pub fn steps(text: &str) -> Steps {
    let whole = || Steps { named: Vec::new(), last: text.to_owned() };
    let Ok(mut query) = parse(text) else { return whole() };
    let mut names = Names(BTreeSet::new());
    // Of a table and an inner expression of one name the engine reads the table.
    if query.visit(&mut names).is_break() {
        return whole();
    }
    let Some(with) = query.with.take().filter(|with| !with.recursive) else { return whole() };
    if with.cte_tables.iter().any(|cte| !cte.alias.columns.is_empty()) {
        return whole();
    }
    let named = with.cte_tables.iter().map(|cte| (cte.alias.name.value.clone(), cte.query.to_string()));
    Steps { named: named.collect(), last: query.to_string() }
}

/// Looks for a name that two common table expressions have.
struct Names(BTreeSet<String>);

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            if !self.0.insert(cte.alias.name.value.to_lowercase()) {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

/// The lines of the comment on top.
fn comment(text: &str) -> Vec<&str> {
    text.lines().map_while(|l| l.strip_prefix("--")).map(str::trim).collect()
}

fn begins_a_part(line: &str) -> bool {
    ["grain:", "key:", "reads:"].iter().any(|part| line.starts_with(part))
}

/// What a part of the header says; it goes on in the lines below it, up to the next part.
fn part(lines: &[&str], name: &str) -> Option<String> {
    let mut lines = lines.iter().skip_while(|l| !l.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')));
    let first = lines.next().and_then(|l| l.split_once(':')).map(|(_, v)| v.trim());
    let more = lines.take_while(|l| !begins_a_part(l) && !l.is_empty()).copied();
    Some(first.into_iter().chain(more).collect::<Vec<_>>().join(" ")).filter(|value| !value.is_empty())
}

fn listed(text: String) -> Vec<String> {
    text.split(',').map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect()
}

fn header(text: &str) -> Result<Header> {
    let lines = comment(text);
    let needed = |name: &str| {
        part(&lines, name).ok_or_else(|| {
            Error::usage(format!("the header has no line \"{name}\""))
                .hint("a built-in query begins with comment lines: a title, then `grain:`, `key:` and `reads:`")
        })
    };
    let title = lines.first().map(|l| (*l).to_owned()).unwrap_or_default();
    Ok(Header {
        title,
        grain: needed("grain")?,
        key: listed(needed("key")?),
        reads: listed(needed("reads")?),
        ordered: true,
    })
}

fn parse(text: &str) -> Result<Query> {
    let statements = Parser::parse_sql(&GenericDialect, text)
        .map_err(|e| Error::usage("this is no SQL that can be read").because(e.to_string()))?;
    let mut statements = statements.into_iter();
    match (statements.next(), statements.next()) {
        (Some(Statement::Query(query)), None) => Ok(*query),
        (Some(_), None) => Err(Error::usage("only a query (select … or with … select …) is run")
            .hint("tables of a run are finished; nothing can be created, changed or dropped")),
        (None, _) => Err(Error::usage("there is no statement")),
        (Some(_), Some(_)) => Err(Error::usage("only one statement can be run at a time")),
    }
}

/// Walks the statement: gives the tables it reads, or why it is refused.
fn inspect(query: &Query, tables: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let mut walk = Walk { tables, ctes: BTreeSet::new(), relations: BTreeSet::new() };
    if let ControlFlow::Break(error) = query.visit(&mut walk) {
        return Err(error);
    }
    Ok(walk.relations.difference(&walk.ctes).cloned().collect())
}

struct Walk<'a> {
    tables: &'a BTreeSet<String>,
    ctes: BTreeSet<String>,
    relations: BTreeSet<String>,
}

impl Visitor for Walk<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        for cte in query.with.iter().flat_map(|w| &w.cte_tables) {
            let name = &cte.alias.name.value;
            if self.tables.contains(&name.to_lowercase()) {
                return ControlFlow::Break(
                    Error::usage(format!("the common table expression \"{name}\" has a table's name")).hint(
                        "the engine would read the table and ignore it, without a word; name it after what it holds",
                    ),
                );
            }
            self.ctes.insert(name.clone());
        }
        if !matches!(
            *query.body,
            SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::SetOperation { .. } | SetExpr::Values(_)
        ) {
            return ControlFlow::Break(Error::usage("only a query (select … or with … select …) is run"));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
        match factor {
            TableFactor::Table { args: None, .. }
            | TableFactor::Derived { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::UNNEST { .. } => ControlFlow::Continue(()),
            _ => ControlFlow::Break(
                Error::usage("a query reads tables by name, and nothing else")
                    .because(format!("found {factor}"))
                    .hint("table functions such as read_csv are refused: no file is read"),
            ),
        }
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Error> {
        let mut name = relation.to_string();
        if name.starts_with('"') || name.starts_with('`') {
            name = name.trim_matches(['"', '`']).to_owned();
        }
        self.relations.insert(name);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Error> {
        let groups = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
        let mut windows = Windows { found: None, grouped: groups };
        if select.into.is_some() {
            return ControlFlow::Break(Error::usage(
                "`select … into` is refused: a query makes nothing but its result",
            ));
        }
        let looked = select.projection.visit(&mut windows).is_break()
            || select.having.visit(&mut windows).is_break()
            || select.qualify.visit(&mut windows).is_break();
        match windows.found {
            Some(function) if looked => ControlFlow::Break(
                Error::usage("a window function stands over an aggregate").because(format!("found {function}")).hint(
                    "the engine would give 1.0 for every row, without a word; aggregate in one common table expression \
                     and use the window in the next",
                ),
            ),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Looks for a window over an aggregate: any window where the select groups, else one whose arguments hold an aggregate.
struct Windows {
    found: Option<String>,
    grouped: bool,
}

impl Visitor for Windows {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        if function.over.is_none() {
            return ControlFlow::Continue(());
        }
        if self.grouped || holds_aggregate(&function.args) {
            self.found = Some(function.to_string());
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

fn holds_aggregate(arguments: &FunctionArguments) -> bool {
    struct Aggregates;
    impl Visitor for Aggregates {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            const NAMES: [&str; 8] = ["count", "sum", "min", "max", "avg", "median", "stddev", "string_agg"];
            match expr {
                Expr::Function(f)
                    if f.over.is_none() && NAMES.contains(&f.name.to_string().to_lowercase().as_str()) =>
                {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    arguments.visit(&mut Aggregates).is_break()
}

/// The plain column names of the last `order by`, where it has only such and they ascend.
fn order_of(query: &Query) -> Option<Vec<String>> {
    let OrderByKind::Expressions(by) = &query.order_by.as_ref()?.kind else { return None };
    by.iter()
        .map(|o| match &o.expr {
            Expr::Identifier(name) if o.options.asc != Some(false) => Some(name.value.clone()),
            _ => None,
        })
        .collect()
}
