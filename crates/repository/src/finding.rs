//! Between `Access` and `search`: a caller's reach becomes bounds, numbers become versions to send, errors become ours.

use std::cell::Cell;
use std::sync::Arc;

use fhir::outcome::{Issue, IssueType, Severity};
use fhir::search::Registry;
use fhir::search::query::{self, Across, Contained, Criterion, Query, SearchContext};
use protect::access::Interaction;
use storage::engine::Reader;

use crate::body::read_json;
use crate::error::{Error, ErrorKind, Result};
use crate::gate::{Caller, Reach};
use crate::layout;
use crate::reindex;
use crate::search::contained::{contained_at, id_of};
use crate::search::{
    Beginnings, Bounds, Found, Matches, Pairs, Probe, Rule, Search, SearchError, SearchLimits, Subset,
    Tokens, subset,
};
use crate::types::{SearchEntry, SearchMode, SearchPage, Versioned};
use crate::view::{View, corrupt};

/// Matches a conditional step looks for: two are too many already.
const RESOLVE_MAX: usize = 2;

impl From<SearchError> for Error {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::TooCostly { .. } => Self::new(ErrorKind::TooCostly, error.to_string()),
            SearchError::Unsupported { .. } | SearchError::Terminology { .. } | SearchError::PageToken => {
                Self::new(ErrorKind::Invalid, error.to_string())
            }
            SearchError::Corrupt => Self::internal(ErrorKind::Corrupt, error),
            error => Self::internal(ErrorKind::Unavailable, error),
        }
    }
}

/// Reads search parameters as they stand in a URL (`a=b&c=d`, percent-encoded or not), for who asks which resources they mean.
pub(crate) fn parse(view: &View, resource_type: &str, query: &str) -> Result<Query> {
    parse_with(view.registry()?, resource_type, query)
}

/// The same with a tenant's search parameters at hand.
pub(crate) fn parse_with(registry: &Arc<Registry>, resource_type: &str, query: &str) -> Result<Query> {
    let query = parse_search(registry, resource_type, query)?;
    if query.contained != Contained::No {
        return Err(Error::new(ErrorKind::Invalid, "`_contained` is for searches alone"));
    }
    Ok(query)
}

/// The same for a search.
pub(crate) fn parse_search(registry: &Arc<Registry>, resource_type: &str, query: &str) -> Result<Query> {
    let pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect();
    query::parse(registry, resource_type, &pairs, false, &query::Limits::default())
        .map_err(|issues| Error::with_issues(ErrorKind::Invalid, issues))
}

/// Decodes `%41`; a `+` stays, since criteria of bundles are often not encoded at all.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The numbers of the first resources that search parameters find, at most two: for conditional steps.
///
/// Parameters must be there and must be known: ignoring one would widen the condition.
pub(crate) fn resolve(view: &View, resource_type: &str, query: &str) -> Result<Vec<u64>> {
    let query = parse(view, resource_type, query)?;
    if query.criteria.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "a conditional step needs a search parameter"));
    }
    query.criteria.iter().try_for_each(|criterion| reindex::admit_test(view, &criterion.test))?;
    let bounds = Bounds::everything();
    let found = with_search(view, &bounds, 0, None, |search| {
        search.resolve(resource_type, &query.criteria, RESOLVE_MAX)
    })?;
    Ok(found)
}

/// The numbers of the resources that search parameters find, at most `limit`, whoever may see them: for what the store itself
/// needs to know.
pub(crate) fn all(view: &View, resource_type: &str, query: &str, limit: usize) -> Result<Vec<u64>> {
    let query = parse(view, resource_type, query)?;
    with_search(view, &Bounds::everything(), 0, None, |search| {
        search.resolve(resource_type, &query.criteria, limit)
    })
}

/// Whether one resource meets all criteria and lies within the bounds, in the state that `view` shows.
pub(crate) fn holds(
    view: &View,
    bounds: &Bounds,
    (type_code, number): (u16, u64),
    criteria: &[Criterion],
    asker: &Asker<'_>,
) -> Result<bool> {
    with_search(view, bounds, asker.now_ms, asker.base, |search| {
        let clauses = search.compile(type_code, criteria)?;
        search.all_hold(&clauses, &mut Probe::new(type_code, number))
    })
}

/// What `Access` knows of a search besides the query.
pub(crate) struct Asker<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) reach: &'a Reach,
    pub(crate) now_ms: i64,
    pub(crate) base: Option<&'a str>,
}

/// The search that a page token holds, and where its page begins.
///
/// # Errors
/// `Invalid` for a token that was altered, or made for another tenant, caller or type.
pub(crate) fn open_page(
    view: &View,
    resource_type: &str,
    token: &str,
    caller: &Caller,
) -> Result<(Query, Beginnings)> {
    let (pairs, beginnings) = tokens(view, resource_type, caller).open(token)?;
    let query = query::parse(view.registry()?, resource_type, &pairs, false, &query::Limits::default())
        .map_err(|issues| Error::with_issues(ErrorKind::Invalid, issues))?;
    Ok((query, beginnings))
}

fn tokens<'v>(view: &'v View, resource_type: &str, caller: &Caller) -> Tokens<'v> {
    Tokens::new(view.tenant, view.core.sealer(), caller.actor.id.as_bytes(), resource_type)
}

/// Runs a search and reads the bodies of its page.
pub(crate) fn run(
    view: &View,
    query: &Query,
    beginnings: &Beginnings,
    asker: &Asker<'_>,
) -> Result<SearchPage> {
    reindex::admit(view, query)?;
    let asked = layout::type_code(&query.resource_type).map(|code| (code, asker.reach));
    let bounds = bounds(view, asker.caller, asked)?;
    let tokens = tokens(view, &query.resource_type, asker.caller);
    let found = with_search(view, &bounds, asker.now_ms, asker.base, |search| {
        search.run(query, beginnings, &tokens)
    })?;
    page_of(view, query, found)
}

/// Answers queries of several types as one; `path` is where, for page tokens.
pub(crate) fn run_across(
    view: &View,
    path: &str,
    (queries, used): (&[Query], &Pairs),
    beginnings: &Beginnings,
    asker: &Asker<'_>,
) -> Result<SearchPage> {
    queries.iter().try_for_each(|query| reindex::admit(view, query))?;
    let bounds = bounds(view, asker.caller, None)?;
    let tokens = tokens(view, path, asker.caller);
    let found = with_search(view, &bounds, asker.now_ms, asker.base, |search| {
        search.run_across(queries, used, beginnings, &tokens)
    })?;
    match queries.first() {
        Some(query) => page_of(view, query, found),
        None => Ok(SearchPage { total: Some(0), total_is_exact: true, ..SearchPage::default() }),
    }
}

/// The search across types that a page token holds, and where its page begins.
///
/// # Errors
/// As [`open_page`].
pub(crate) fn open_page_across(
    view: &View,
    context: &SearchContext,
    token: &str,
    caller: &Caller,
) -> Result<(Across, Beginnings)> {
    let (pairs, beginnings) = tokens(view, &token_path(context), caller).open(token)?;
    let limits = query::Limits::default();
    let across = query::parse_across(view.registry()?, context.clone(), &pairs, false, &limits)
        .map_err(|issues| Error::with_issues(ErrorKind::Invalid, issues))?;
    Ok((across, beginnings))
}

/// What a page token of a search across types is bound to: never the name of a type.
pub(crate) fn token_path(context: &SearchContext) -> String {
    format!("/{}", context.path())
}

fn page_of(view: &View, query: &Query, found: Matches) -> Result<SearchPage> {
    let part = Subset::of(query);
    let mut page = SearchPage {
        total: found.total.map(|total| total.value),
        total_is_exact: found.total.is_none_or(|total| total.exact),
        next: found.links.next,
        previous: found.links.previous,
        explain: found.plan,
        ..SearchPage::default()
    };
    for (mode, list) in [(SearchMode::Match, &found.matches), (SearchMode::Include, &found.included)] {
        for found in list {
            let Some(mut versioned) = read(view, *found, None)? else { continue };
            let mut contained = None;
            if part.is_some() || found.contained_at().is_some() {
                let mut value = read_json(&versioned.body).map_err(corrupt)?;
                if let Some(at) = found.contained_at() {
                    // Another version may stand there than the one that was found: then the place may be empty.
                    let Some(own) = contained_at(&value, at).cloned() else { continue };
                    contained = Some(id_of(&own));
                    value = own;
                }
                versioned.body = match &part {
                    Some(part) => subset(value, part).to_vec(),
                    None => value.to_vec(),
                };
            }
            page.entries.push(SearchEntry { versioned, mode, contained });
        }
    }
    for ignored in &query.ignored {
        let text = format!("the parameter `{}` was ignored: {}", ignored.name, ignored.reason);
        page.issues.push(Issue::new(Severity::Warning, IssueType::NotSupported, text));
    }
    if found.included_cut {
        let text = "more resources would have been included than a page may hold";
        page.issues.push(Issue::new(Severity::Warning, IssueType::Incomplete, text));
    }
    Ok(page)
}

pub(crate) fn read(view: &View, found: Found, part: Option<&Subset>) -> Result<Option<Versioned>> {
    let Some(row) = view.row(found.type_code, found.number)?.filter(|row| !row.deleted) else {
        return Ok(None);
    };
    let mut versioned = match view.versioned(found.type_code, found.number, &row) {
        // What was erased is found by its postings until a rebuild, but has nothing to show.
        Err(error) if error.kind() == ErrorKind::Gone => return Ok(None),
        result => result?,
    };
    if let Some(part) = part {
        let value = read_json(&versioned.body).map_err(corrupt)?;
        versioned.body = subset(value, part).to_vec();
    }
    Ok(Some(versioned))
}

/// What the caller may find: the type asked for as far as it was decided, other types (chains, includes) as far as the caller
/// may search them.
pub(crate) fn bounds(view: &View, caller: &Caller, asked: Option<(u16, &Reach)>) -> Result<Bounds> {
    if caller.decide(Interaction::SearchType, None) == Ok(Reach::All) {
        return Ok(Bounds::everything());
    }
    let rule = |reach: &Reach| -> Result<Rule> {
        Ok(match reach {
            Reach::All => Rule::Everything,
            // A patient that was never seen has number 0, which nothing bears.
            Reach::Patient(id) => {
                Rule::Patients(vec![view.number(layout::PATIENT_CODE, id)?.unwrap_or_default()])
            }
        })
    };
    let mut bounds = Bounds { otherwise: Rule::Nothing, ..Bounds::default() };
    for code in layout::type_codes() {
        let name = layout::type_name(code);
        let rule = match caller.decide(Interaction::SearchType, name) {
            Ok(reach) => rule(&reach)?,
            Err(_) => continue,
        };
        bounds.types.insert(code, rule);
    }
    if let Some((code, reach)) = asked {
        bounds.types.insert(code, rule(reach)?);
    }
    // Who may see a Binary hangs on its security context, which no index row tells: a read looks at it, a search finds none.
    if bounds.rule(layout::BINARY_CODE) == &Rule::Everything {
        bounds.types.insert(layout::BINARY_CODE, Rule::Nothing);
    }
    Ok(bounds)
}

/// The current body of a resource; `None` if it was deleted or erased.
fn body(view: &View, type_code: u16, number: u64) -> Result<Option<fhir::json::Value>> {
    let Some(row) = view.row(type_code, number)?.filter(|row| !row.deleted) else { return Ok(None) };
    match view.body(type_code, number, &row) {
        Ok(body) => body.map(|body| body.value().map_err(corrupt)).transpose(),
        Err(error) if error.kind() == ErrorKind::Gone => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn with_search<T>(
    view: &View,
    bounds: &Bounds,
    now_ms: i64,
    base: Option<&str>,
    work: impl FnOnce(&Search<'_>) -> std::result::Result<T, SearchError>,
) -> Result<T> {
    with_limits(view, bounds, &SearchLimits::default(), (now_ms, base), work)
}

/// As [`with_search`], within other limits; `now_ms` and `base` together.
pub(crate) fn with_limits<T>(
    view: &View,
    bounds: &Bounds,
    limits: &SearchLimits,
    (now_ms, base): (i64, Option<&str>),
    work: impl FnOnce(&Search<'_>) -> std::result::Result<T, SearchError>,
) -> Result<T> {
    let newest: &dyn Reader = view.core.engine.as_ref();
    let ids = |type_code: u16, id: &str| {
        view.number(type_code, id).map_err(|error| SearchError::Store(Box::new(error)))
    };
    let bodies = |type_code: u16, number: u64| {
        body(view, type_code, number).map_err(|error| SearchError::Store(Box::new(error)))
    };
    let terminology = || {
        let library = view.core.terminology(view.tenant);
        library.map_err(|error| SearchError::Store(Box::new(error)))
    };
    let search = Search {
        reader: view.reader.as_ref(),
        newest,
        tenant: view.tenant,
        registry: view.registry()?,
        codes: &view.keys.codes,
        dictionaries: &view.core.dictionaries,
        ids: &ids,
        bodies: &bodies,
        terminology: &terminology,
        bounds,
        limits,
        now_ms,
        base,
        steps: Cell::new(0),
    };
    work(&search).map_err(Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_decoded_where_they_are_one_and_a_plus_stays() {
        for (text, decoded) in
            [("a%7Cb", "a|b"), ("100%", "100%"), ("%zz%4", "%zz%4"), ("+1", "+1"), ("%C3%A9", "é")]
        {
            assert_eq!(decode(text), decoded);
        }
    }
}
