//! The terminology capabilities: `GET metadata?mode=terminology` (R4 terminologycapabilities.html).
//!
//! Told without a token, so it lists the code systems of R4 alone and nothing that a tenant has loaded.

use fhir::json::{Value, array, object};
use fhir::terminology::core_code_systems;

/// The parameters that `$expand` takes.
const EXPANSION_PARAMETERS: &[&str] = &[
    "activeOnly",
    "check-system-version",
    "count",
    "displayLanguage",
    "exclude-system",
    "excludeNested",
    "excludeNotForUI",
    "excludePostCoordinated",
    "filter",
    "force-system-version",
    "includeDesignations",
    "offset",
    "system-version",
    "url",
    "valueSet",
    "valueSetVersion",
];

/// The `TerminologyCapabilities` of a server at `base`.
pub(super) fn statement(base: &str, date: &str) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let systems = core_code_systems().map(|(uri, version)| {
        let version = version.map(|code| ("version", array([object([("code", Value::from(code))])])));
        object([("uri", Value::from(uri))].into_iter().chain(version))
    });
    let parameters = EXPANSION_PARAMETERS.iter().map(|name| object([("name", Value::from(*name))]));
    object([
        ("resourceType", Value::from("TerminologyCapabilities")),
        ("url", Value::from(format!("{base}/metadata?mode=terminology"))),
        ("version", Value::from(version)),
        ("name", Value::from("WardTerminology")),
        ("status", Value::from("active")),
        ("experimental", Value::from(false)),
        ("date", Value::from(date)),
        ("kind", Value::from("instance")),
        ("software", object([("name", Value::from("Ward")), ("version", Value::from(version))])),
        (
            "implementation",
            object([("description", Value::from("Ward FHIR server")), ("url", Value::from(base))]),
        ),
        ("codeSystem", array(systems)),
        (
            "expansion",
            object([
                ("hierarchical", Value::from(false)),
                ("paging", Value::from(true)),
                ("incomplete", Value::from(false)),
                ("parameter", array(parameters)),
                (
                    "textFilter",
                    Value::from(
                        "Each word of the filter begins a word of the display, or the code begins with it.",
                    ),
                ),
            ]),
        ),
        ("codeSearch", Value::from("all")),
        ("validateCode", object([("translations", Value::from(true))])),
        ("translation", object([("needsMap", Value::from(false))])),
        ("closure", object([("translation", Value::from(false))])),
    ])
}
