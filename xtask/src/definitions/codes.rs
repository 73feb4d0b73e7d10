//! `codes.tsv`: the value sets of required bindings.
//!
//! ```text
//! VALUE SET
//! <tab>SYSTEM    CODE    CODE ...
//! ```
//! The single code `*` says that the system's codes are not listed by the standard (media types, UCUM, languages).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::elements::short_value_set;
use super::{Source, list, text, texts};

/// System to codes in the standard's order; `None` where they cannot be listed.
type Codes = BTreeMap<String, Option<Vec<String>>>;

const IMPORT_DEPTH_MAX: usize = 8;

pub(super) fn table(source: &Source, bindings: &BTreeSet<String>) -> Result<String, String> {
    let mut out = String::new();
    for url in bindings {
        let codes = expand(source, url, 0)?;
        writeln!(out, "{}", short_value_set(url)).map_err(|error| error.to_string())?;
        for (system, codes) in codes {
            if codes.is_none() {
                println!("not listed: {url}: {system}");
            }
            let codes = codes.unwrap_or_else(|| vec!["*".to_owned()]);
            writeln!(out, "\t{system}\t{}", codes.join("\t")).map_err(|error| error.to_string())?;
        }
    }
    Ok(out)
}

fn expand(source: &Source, url: &str, depth: usize) -> Result<Codes, String> {
    if depth > IMPORT_DEPTH_MAX {
        return Err(format!("value set `{url}` imports too deep"));
    }
    let Some(value_set) = source.value_sets.get(url) else {
        // A value set of another publisher: any code will do.
        return Ok(Codes::from([("*".to_owned(), None)]));
    };
    let mut codes = Codes::new();
    for include in list(&value_set["compose"], "include") {
        for (system, more) in included(source, include, depth)? {
            match (codes.entry(system).or_insert_with(|| Some(Vec::new())), more) {
                (Some(known), Some(more)) => {
                    let fresh: Vec<String> = more.into_iter().filter(|code| !known.contains(code)).collect();
                    known.extend(fresh);
                }
                (known, _) => *known = None,
            }
        }
    }
    for exclude in list(&value_set["compose"], "exclude") {
        for (system, fewer) in included(source, exclude, depth)? {
            if let (Some(Some(known)), Some(fewer)) = (codes.get_mut(&system), fewer) {
                known.retain(|code| !fewer.contains(code));
            }
        }
    }
    Ok(codes)
}

fn included(source: &Source, include: &Value, depth: usize) -> Result<Codes, String> {
    let imports = texts(include, "valueSet");
    let system = text(include, "system");
    if system.is_empty() {
        let mut codes = Codes::new();
        for import in imports {
            codes.extend(expand(source, import.split('|').next().unwrap_or(import), depth + 1)?);
        }
        return Ok(codes);
    }
    if !imports.is_empty() {
        return Err(format!("`{system}` is narrowed by another value set, which is not supported"));
    }
    let concepts = list(include, "concept");
    if !concepts.is_empty() {
        let codes = concepts.iter().map(|concept| text(concept, "code").to_owned()).collect();
        return Ok(Codes::from([(system.to_owned(), Some(codes))]));
    }
    let codes = match source.code_systems.get(system) {
        Some(code_system) if text(code_system, "content") == "complete" => {
            let filters = list(include, "filter");
            let mut codes = Vec::new();
            gather(list(code_system, "concept"), filters, false, &mut codes)?;
            (!codes.is_empty()).then_some(codes)
        }
        _ => None,
    };
    Ok(Codes::from([(system.to_owned(), codes)]))
}

/// Walks the concept tree; `within` says whether an ancestor is what an `is-a` filter asks for.
fn gather(
    concepts: &[Value],
    filters: &[Value],
    within: bool,
    codes: &mut Vec<String>,
) -> Result<(), String> {
    for concept in concepts {
        let code = text(concept, "code");
        let mut takes = within || filters.is_empty();
        let mut takes_children = takes;
        for filter in filters {
            let is_root = text(filter, "value") == code;
            match text(filter, "op") {
                "is-a" => takes |= is_root,
                "descendent-of" => {}
                other => return Err(format!("filter `{other}` of a required value set is not supported")),
            }
            takes_children |= is_root;
        }
        if takes && !codes.iter().any(|known| known == code) {
            codes.push(code.to_owned());
        }
        gather(list(concept, "concept"), filters, takes_children, codes)?;
    }
    Ok(())
}
