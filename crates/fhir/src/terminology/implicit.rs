//! Value sets that an address alone defines, without a resource.
//!
//! - SNOMED CT: `[edition]?fhir_vs` (all), `?fhir_vs=isa/[code]`, `?fhir_vs=refset/[code]`. `?fhir_vs=ecl/…` and the list of all
//!   reference sets are refused by name.
//! - LOINC: `http://loinc.org/vs` (all), `/vs/LP…` (below a part), `/vs/LL…` (an answer list).
//!
//! Source: FHIR R4 4.3.1.0.5 (using SNOMED CT), 4.3.2.0.4 (using LOINC).

use super::error::TerminologyError;
use super::filter::Filter;
use super::value_set::{Include, ValueSet};

const SNOMED: &str = "http://snomed.info/sct";
const LOINC: &str = "http://loinc.org";

/// The value set that `url` defines; `None` if its form defines none.
pub(super) fn value_set(url: &str) -> Result<Option<ValueSet>, TerminologyError> {
    if let Some(rest) = url.strip_prefix(SNOMED) {
        return snomed(url, rest);
    }
    let Some(rest) = url.strip_prefix(LOINC).and_then(|rest| rest.strip_prefix("/vs")) else {
        return Ok(None);
    };
    let filters = match rest.strip_prefix('/') {
        None if rest.is_empty() => Vec::new(),
        Some(part) if part.starts_with("LP") => vec![Filter::new("concept", "descendent-of", part)],
        Some(list) if list.starts_with("LL") => vec![Filter::new("answer-list", "=", list)],
        _ => return Ok(None),
    };
    let include = Include { system: Some(LOINC.to_owned()), filters, ..Include::default() };
    Ok(Some(ValueSet::implied(url, include)))
}

/// `rest` is what follows the system: an edition (`/module/version/date`), then `?fhir_vs` and what is wanted.
fn snomed(url: &str, rest: &str) -> Result<Option<ValueSet>, TerminologyError> {
    let Some((edition, query)) = rest.split_once('?') else { return Ok(None) };
    let Some(wanted) = query.strip_prefix("fhir_vs") else { return Ok(None) };
    if !edition.is_empty() && !edition.starts_with('/') {
        return Ok(None);
    }
    let filters = match wanted.strip_prefix('=') {
        None if wanted.is_empty() => Vec::new(),
        Some(wanted) => match wanted.split_once('/') {
            Some(("isa", code)) => vec![Filter::new("concept", "is-a", code)],
            Some(("refset", code)) => vec![Filter::new("memberOf", "=", code)],
            Some(("ecl", _)) => {
                let what = "an expression constraint (`?fhir_vs=ecl/…`)".to_owned();
                return Err(TerminologyError::Unsupported { what });
            }
            None if wanted == "refset" => {
                let what = "the value set of all reference sets (`?fhir_vs=refset`)".to_owned();
                return Err(TerminologyError::Unsupported { what });
            }
            _ => return Ok(None),
        },
        None => return Ok(None),
    };
    // The whole edition address is the version of the system.
    let version = (!edition.is_empty()).then(|| format!("{SNOMED}{edition}"));
    let include = Include { system: Some(SNOMED.to_owned()), version, filters, ..Include::default() };
    Ok(Some(ValueSet::implied(url, include)))
}
