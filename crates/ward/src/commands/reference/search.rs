//! `search-parameters.md`: what can be searched for, by type.

use fhir::definitions;
use fhir::search::query;
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
        let special = query::SPECIAL.iter().any(|(code, _)| *code == one.code);
        let mark = if special { "" } else { "*refused*" };
        vec![format!("`{}`", one.code), one.kind.to_owned(), String::new(), mark.to_owned()]
    }));
    common.extend(
        query::SPECIAL.iter().filter(|(code, _)| !common_code(code)).map(|(code, kind)| {
            vec![format!("`{code}`"), kind.code().to_owned(), String::new(), String::new()]
        }),
    );
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

/// Whether the definitions name a parameter of all types.
fn common_code(code: &str) -> bool {
    definitions::search_parameters().iter().any(|one| one.code == code)
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
    let mark = if parameter.is_offered() { "" } else { "*refused*" };
    vec![format!("`{}`", parameter.code), parameter.kind.code().to_owned(), targets, mark.to_owned()]
}

const GENERAL: &str = "
## Modifiers and prefixes

| kind | modifiers | prefixes |
|---|---|---|
| all | `:missing` | |
| string | `:exact`, `:contains` | |
| token | `:not`, `:text`, `:code-text`, `:in`, `:not-in`, `:above`, `:below`, `:of-type` | |
| reference | `:Type`, `:identifier`, `:text`, `:above`, `:below`; chains `subject.name`, `subject:Patient.name`; `_has` | |
| uri | `:above`, `:below` | |
| date, number, quantity | | `eq` `ne` `gt` `lt` `ge` `le` `sa` `eb` `ap` |
| composite | `:missing` alone; parts stand in order, with `$` between them | those of each part |

`:text` finds what has a word that begins so beside a code, an identifier's type or a reference. `:code-text` (from R5) finds codes
that begin so. `:in` and `:not-in` take the address of a value set or `ValueSet/id`; like `:above` and `:below` of a token they ask the code systems and
value sets that are loaded, and are refused where one is missing. `:above` and `:below` of a URI go by its path, of a reference by `partof`, `part-of` or `parent`.

A token with a system finds plain codes whose required binding tells that system. A quantity with a UCUM unit is found in every unit that
it can be converted to. `,`, `|`, `$` and `\\` stand for themselves behind a `\\`.

Beside criteria: `_include`, `_revinclude` (both with `:iterate`), `_sort`, `_count`, `_total`, `_summary`, `_elements`,
`_contained`, `_containedType`, `__explain=true`.

## Where

`GET /fhir/Type?…` searches one type. `GET /fhir?_type=A,B&…` searches several, all without `_type`; `GET /fhir/Patient/1/Observation?…`
what of a type lies in a compartment, `GET /fhir/Patient/1/*?_type=…&…` all of it. Compartments are those of Device, Encounter,
Patient, Practitioner and RelatedPerson. Each has its `POST …/_search`. A search over several types takes parameters that all of
them have; matches come in one order.

## Contained resources

`_contained=true` finds resources of the type that are contained in others, `both` these and the others, as one order. `_containedType=container`,
the default, gives the resource that contains the match, each once; `contained` gives the match itself, its `fullUrl` that of the container
with `#` and the id within it. One contained resource has to meet all criteria. Its time (`_lastUpdated`) is its container's; `_id` is its id there.

Who may not search the container's type, or for whom the container lies out of reach, finds nothing in it. `_include` follows what the answer shows:
the container, or the contained resource; `_revinclude` what refers to the container. `_has` and `_list` find nothing that is contained. Not offered in
compartments, nor for search parameters of your own.

Chains go into contained resources that a resource refers to (`#id`) without being asked to: `MedicationRequest?medication.code=…`.

## Words

`_text` searches the narrative, `_content` all free text: narrative, `markdown` and `string` elements, of contained resources
too, but not codes, identifiers, contacts and URIs. Words are compared without case and accents.

| written | finds |
|---|---|
| `heart failure`, `heart AND failure` | both words, anywhere |
| `bone OR liver`, `bone,liver` | one of them |
| `diabetes NOT insipidus` | the first without the second (`NOT` in capitals) |
| `\"heart failure\"` | the words beside each other |
| `nephro*` | words that begin so |
| `(bone OR liver) and metastases` | parentheses first, then `AND`, then `OR` |

## Filters

`_filter` takes the grammar of R4 3.1.3: comparisons joined by `and`, `or` (from left to right), `not (…)` and parentheses; paths
with points (`subject.name`), types (`subject:Patient.name`), filters in brackets (`subject[active eq true].name`) and
`_has:Observation:patient:code`. `loinc`, `snomed`, `rxnorm` and `ucum` stand for their systems.

| kind | operators |
|---|---|
| all | `pr` |
| string | `eq` `ne` `co` `sw` `ew` `gt` `lt` `ge` `le` |
| number, quantity | `eq` `ne` `gt` `lt` `ge` `le` `ap` `sa` `eb` |
| date | those, `po` (overlaps), `co` (holds the given time) |
| token | `eq` `ne`, `in` and `ni` (value sets), `ss` (as `:below`), `sb` (as `:above`) |
| URI | `eq` `ne` |
| reference | `re` `eq` `ne` |
| composite | `eq` `ne` |

`ne` of a token, reference or URI holds where there is a value and none is the given one.

## Lists and places

`_list=1,2` finds what the Lists refer to; functional lists (`$current-allergies`) are refused by name. `Location?near=latitude|longitude|distance|units`
takes UCUM lengths, kilometres without one, 50 km without a distance.
";
