//! Searches that are not of one type: the whole system, and compartments.
//!
//! Each type gets a query of its own from the same pairs, so every parameter must be one that all of the types have. `_type`
//! names the types; without it, it is all types (of the compartment).
//!
//! Source: FHIR R4 3.1.1.1 (search context), 3.1.1.4.4 (`_type`), 2.37 (compartments).

use compact_str::CompactString;

use super::super::Registry;
use super::parse::shown;
use super::values::is_id;
use super::{Contained, Criterion, Limits, Query, Test, parse};
use crate::definitions::{self, compartment_parameters};
use crate::outcome::{Issue, IssueType};

/// The types that have compartments in R4.
pub const COMPARTMENTS: &[&str] = &["Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"];

/// Where a search looks that is not one of a type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchContext {
    /// Type and id of the resource whose compartment it is; `None` for the whole system.
    pub compartment: Option<(CompactString, CompactString)>,
    /// The one type that the path names; `None` for `*` and for the system.
    pub resource_type: Option<CompactString>,
}

/// A search in a context.
#[derive(Clone, Debug, PartialEq)]
pub struct Across {
    /// Where.
    pub context: SearchContext,
    /// Whether the request says which types are meant. Of types that are only implied, those that the caller may not search
    /// are left out.
    pub names_types: bool,
    /// One query for each type, all alike; never empty.
    pub queries: Vec<Query>,
    /// The pairs that were used, in order and as given.
    pub used: Vec<(String, String)>,
}

impl SearchContext {
    /// The compartment of `compartment`/`id`, all of it or one type; `None` unless these are a compartment, an id, and a type
    /// (or `*`).
    #[must_use]
    pub fn compartment(compartment: &str, id: &str, of: &str) -> Option<Self> {
        let resource_type = if of == "*" { None } else { Some(of.into()) };
        let known = COMPARTMENTS.contains(&compartment)
            && is_id(id)
            && resource_type.as_deref().is_none_or(definitions::is_resource);
        known.then(|| Self { compartment: Some((compartment.into(), id.into())), resource_type })
    }

    /// The path below the base, such as `Patient/1/Observation`; empty for the system.
    #[must_use]
    pub fn path(&self) -> String {
        let of = self.resource_type.as_deref().unwrap_or("*");
        self.compartment
            .as_ref()
            .map_or_else(String::new, |(compartment, id)| format!("{compartment}/{id}/{of}"))
    }

    /// Whether resources of a type can be in it.
    fn takes(&self, resource_type: &str) -> bool {
        self.compartment.as_ref().is_none_or(|(compartment, _)| {
            !compartment_parameters(compartment, resource_type).is_empty()
                || (compartment == "Patient" && resource_type == "Patient")
        })
    }

    /// The types that a request means, and whether it names them.
    fn types(&self, pairs: &[(String, String)]) -> Result<(Vec<&'static str>, bool), Issue> {
        let refuse = |text: String| Issue::error(IssueType::Value, text).at("http._type");
        let mut listed = pairs.iter().filter(|(name, _)| name == "_type").map(|(_, value)| value.as_str());
        let (first, more) = (listed.next(), listed.next());
        if more.is_some() {
            return Err(refuse("`_type` is given more than once".to_owned()));
        }
        let names = match (&self.resource_type, first) {
            (Some(_), Some(_)) => {
                return Err(refuse("`_type`: the path names the type already; use `*` there".to_owned()));
            }
            (Some(name), None) => Some(name.as_str()),
            (None, first) => first,
        };
        let Some(names) = names else {
            let all = definitions::resource_types().map(|ty| ty.name).filter(|name| self.takes(name));
            return Ok((all.collect(), false));
        };
        let mut types = Vec::new();
        for name in names.split(',') {
            let Some(ty) = definitions::resource_named(name) else {
                return Err(refuse("`_type`: names of resource types of R4 are expected".to_owned()));
            };
            if !self.takes(ty.name) {
                let of = self.compartment.as_ref().map_or("", |(compartment, _)| compartment.as_str());
                return Err(refuse(format!("no {} lies in a compartment of a {of}", ty.name)));
            }
            if !types.contains(&ty.name) {
                types.push(ty.name);
            }
        }
        Ok((types, true))
    }
}

/// Reads a search in a context; the rest as [`parse()`].
///
/// # Errors
/// As [`parse()`]: a parameter that one of the types does not have is an error that names the type.
pub fn parse_across(
    registry: &Registry,
    context: SearchContext,
    pairs: &[(String, String)],
    lenient: bool,
    limits: &Limits,
) -> Result<Across, Vec<Issue>> {
    let (types, names_types) = context.types(pairs).map_err(|issue| vec![issue])?;
    let mut rest: Vec<(String, String)> = pairs.iter().filter(|(name, _)| name != "_type").cloned().collect();
    let mut ignored = Vec::new();
    loop {
        let mut queries = Vec::with_capacity(types.len());
        let mut more = Vec::new();
        for name in &types {
            let mut query = parse(registry, name, &rest, lenient, limits)?;
            // What one type does not know is left out for all: else the others alone would be narrowed by it.
            more.append(&mut query.ignored);
            if let Some((compartment, id)) = &context.compartment {
                if query.contained != Contained::No {
                    let text = "`_contained` is not offered in compartments: search the type or the system";
                    return Err(vec![Issue::error(IssueType::NotSupported, text).at("http._contained")]);
                }
                let test = Test::Within { compartment: compartment.clone(), id: id.clone() };
                query.criteria.push(Criterion { name: "compartment".into(), test });
            }
            queries.push(query);
        }
        if more.is_empty() {
            sorts_alike(&queries).map_err(|issue| vec![issue])?;
            let shape = |name: &str| matches!(name, "_format" | "_pretty" | super::EXPLAIN_PARAMETER);
            let left_out = |name: &str| ignored.iter().any(|one: &super::Ignored| one.name == name);
            let used = pairs.iter().filter(|(name, _)| !shape(name) && !left_out(name)).cloned().collect();
            if let Some(first) = queries.first_mut() {
                first.ignored = ignored;
            }
            return Ok(Across { context, names_types, queries, used });
        }
        rest.retain(|(name, _)| !more.iter().any(|one| one.name == *name));
        more.dedup_by(|left, right| left.name == right.name);
        ignored.append(&mut more);
        ignored.sort_by(|left, right| left.name.cmp(&right.name));
        ignored.dedup_by(|left, right| left.name == right.name);
    }
}

/// Matches of several types have one order only if its keys are the same parameters everywhere.
fn sorts_alike(queries: &[Query]) -> Result<(), Issue> {
    let Some((first, others)) = queries.split_first() else { return Ok(()) };
    for query in others {
        let differs =
            first.sort.iter().zip(&query.sort).find(|(left, right)| left.parameter.id != right.parameter.id);
        if let Some((key, _)) = differs {
            let text = format!(
                "`_sort`: `{}` is one parameter in {} and another in {}",
                shown(&key.parameter.code),
                first.resource_type,
                query.resource_type
            );
            return Err(Issue::error(IssueType::NotSupported, text).at("http._sort"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        text.split('&').filter_map(pair).collect()
    }

    fn read(context: SearchContext, text: &str, lenient: bool) -> Result<Across, String> {
        parse_across(Registry::base(), context, &pairs(text), lenient, &Limits::default())
            .map_err(|issues| issues.into_iter().map(|issue| issue.details).collect::<Vec<_>>().join("; "))
    }

    fn types(across: &Across) -> String {
        across.queries.iter().map(|query| query.resource_type.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn types_are_named_by_the_path_by_a_parameter_or_meant_all() {
        let system = SearchContext::default();
        let found =
            read(system.clone(), "_type=Patient,Observation,Patient&_id=a&_sort=-_lastUpdated", false)
                .unwrap();
        assert_eq!((types(&found).as_str(), found.names_types), ("Patient Observation", true));
        assert_eq!(found.used.len(), 3);
        let all = read(system.clone(), "_lastUpdated=gt2020", false).unwrap();
        assert_eq!((all.queries.len(), all.names_types), (definitions::resource_types().count(), false));
        let one = SearchContext::compartment("Patient", "1", "Observation").unwrap();
        assert_eq!(one.path(), "Patient/1/Observation");
        let found = read(one.clone(), "code=x", false).unwrap();
        assert_eq!((types(&found).as_str(), found.queries[0].criteria.len()), ("Observation", 2));
        let whole = SearchContext::compartment("Encounter", "1", "*").unwrap();
        assert!(types(&read(whole.clone(), "", false).unwrap()).contains("Encounter"));
        for (context, text, part) in [
            (
                system.clone(),
                "_type=Patient,Observation&birthdate=2020",
                "Observation has no search parameter",
            ),
            (system.clone(), "_type=Patient,Nothing", "names of resource types"),
            (system.clone(), "_type=Patient&_type=Group", "more than once"),
            (system, "_type=Patient,Questionnaire&_sort=name", "is one parameter in"),
            (one, "_type=Patient", "names the type already"),
            (whole, "_type=Organization", "no Organization lies in"),
        ] {
            let error = read(context, text, false).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(SearchContext::compartment("Group", "1", "*").is_none());
        assert!(SearchContext::compartment("Patient", "a b", "*").is_none());
        assert!(SearchContext::compartment("Patient", "1", "$x").is_none());
    }

    #[test]
    fn what_one_type_does_not_know_is_left_out_for_all() {
        let found =
            read(SearchContext::default(), "_type=Patient,Observation&birthdate=2020&_id=a", true).unwrap();
        assert!(found.queries.iter().all(|query| query.criteria.len() == 1));
        assert_eq!(found.queries[0].ignored.len(), 1);
        assert_eq!(found.used.len(), 2);
    }
}
