//! `search-parameters.md`: what can be searched for, by type.

use fhir::definitions;
use fhir::search::{Kind, Parameter, Registry};

/// The page.
pub(super) fn page() -> String {
    let mut out = super::title(
        "Search parameters",
        "All search parameters of FHIR R4. A parameter marked *refused* is known and answered with 400 and its name; \
         so is one that is not listed, unless the request says `Prefer: handling=lenient`.",
    );
    out.push_str(GENERAL);
    let mut common = parameters("Patient", true);
    common.extend(definitions::search_parameters().iter().filter(|one| unread(one)).map(|one| {
        vec![format!("`{}`", one.code), one.kind.to_owned(), String::new(), "*refused*".to_owned()]
    }));
    out.push_str("\n## Every type\n\n");
    out.push_str(&super::table(HEADINGS, &common));
    let mut types: Vec<&str> = definitions::resource_types().map(|one| one.name).collect();
    types.sort_unstable();
    for name in types {
        let rows = parameters(name, false);
        if !rows.is_empty() {
            out.push_str(&format!("\n## {name}\n\n"));
            out.push_str(&super::table(HEADINGS, &rows));
        }
    }
    out
}

const HEADINGS: &[&str] = &["name", "kind", "refers to", ""];

/// A parameter of all types that reads no element: it would need an engine of its own.
fn unread(parameter: &definitions::SearchParameter) -> bool {
    parameter
        .bases
        .iter()
        .any(|base| matches!(base.type_name, "Resource" | "DomainResource") && base.expression.is_empty())
}

fn parameters(resource_type: &str, common: bool) -> Vec<Vec<String>> {
    Registry::base()
        .parameters(resource_type)
        .iter()
        .filter(|one| one.code.starts_with('_') == common)
        .map(|one| row(one))
        .collect()
}

fn row(parameter: &Parameter) -> Vec<String> {
    let targets = match parameter.targets.as_slice() {
        [] if parameter.kind == Kind::Reference => "any type".to_owned(),
        targets => targets.join(", "),
    };
    let mark = if parameter.kind.is_offered() { "" } else { "*refused*" };
    vec![format!("`{}`", parameter.code), parameter.kind.code().to_owned(), targets, mark.to_owned()]
}

const GENERAL: &str = "
## Modifiers and prefixes

| kind | modifiers | prefixes |
|---|---|---|
| all | `:missing` | |
| string | `:exact`, `:contains` | |
| token | `:not` | |
| reference | `:Type`, `:identifier`; chains `subject.name`, `subject:Patient.name`; `_has` | |
| date, number, quantity | | `eq` `ne` `gt` `lt` `ge` `le` `sa` `eb` `ap` |

`:text`, `:in`, `:not-in`, `:above`, `:below` and `:of-type` are refused by name.

Beside criteria: `_include`, `_revinclude` (both with `:iterate`), `_sort`, `_count`, `_total`, `_summary`, `_elements`,
`__explain=true`.
";
