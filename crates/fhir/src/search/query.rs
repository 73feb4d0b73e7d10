//! Search requests: a pure reading of `name=value` pairs into typed criteria.
//!
//! Values are typed here once (spans of time, decimals with their precision, split tokens), so the store only looks
//! things up. What is well formed but not offered, such as `:text`, is refused here by name.
//!
//! Source: FHIR R4 3.1.1.

mod across;
mod filter;
mod parse;
mod special;
#[cfg(test)]
mod tests;
mod text;
mod values;

pub use across::{Across, COMPARTMENTS, SearchContext, parse_across};
pub use parse::{escape, parse};
pub use text::TextQuery;

use std::sync::Arc;

use compact_str::CompactString;
use rust_decimal::Decimal;

use super::near::Near;
use super::{Kind, Parameter};

/// The request parameter that carries a sealed page token. It stands alone, for the token holds the whole search: a query
/// with it is refused here.
pub const PAGE_PARAMETER: &str = "_page";

/// The request parameter that asks for the plan beside the answer.
pub const EXPLAIN_PARAMETER: &str = "__explain";

/// Criteria that every type has beside its search parameters, with the kind that the standard gives them.
pub const SPECIAL: &[(&str, Kind)] = &[
    ("_text", Kind::String),
    ("_content", Kind::String),
    ("_list", Kind::String),
    ("_filter", Kind::Special),
];

/// The values of `_contained`.
pub const CONTAINED: &[&str] = &["false", "true", "both"];

/// The values of `_containedType`.
pub const CONTAINED_TYPE: &[&str] = &["container", "contained"];

/// What a search request asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// The type searched for.
    pub resource_type: CompactString,
    /// All of these must hold.
    pub criteria: Vec<Criterion>,
    /// Resources to add that the matches refer to.
    pub includes: Vec<Include>,
    /// Resources to add that refer to the matches.
    pub revincludes: Vec<Include>,
    /// The order of matches, most important key first; empty for the store's own order.
    pub sort: Vec<SortKey>,
    /// The wished page size, already cut to the limit; `None` for the default. Zero asks for the total only.
    pub count: Option<u32>,
    /// How exact `Bundle.total` should be; `None` for the default.
    pub total: Option<Total>,
    /// Which part of each match to send.
    pub summary: Option<Summary>,
    /// The top-level elements to send; empty for all.
    pub elements: Vec<CompactString>,
    /// Whether contained resources are looked for.
    pub contained: Contained,
    /// What stands for a contained resource that was found.
    pub contained_type: ContainedType,
    /// Whether the plan is asked for.
    pub explain: bool,
    /// What a lenient reading left out, for the answer's `OperationOutcome`.
    pub ignored: Vec<Ignored>,
    /// The pairs that were used, in order and as given: what a `self` link shows. Explain is left out.
    pub used: Vec<(String, String)>,
}

/// A pair that was left out under lenient handling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// The name as given.
    pub name: String,
    /// Why; without the value.
    pub reason: String,
}

/// One condition on the resources searched for.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// The name as given, such as `subject:Patient.name:exact`.
    pub name: CompactString,
    /// What must hold.
    pub test: Test,
}

/// What must hold for a resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// One of the resource's own values matches one of `values`.
    Own {
        /// The parameter; it belongs to the type under test.
        parameter: Arc<Parameter>,
        /// How the values are compared.
        modifier: Option<Modifier>,
        /// Any of these; never empty. With [`Modifier::Not`], none of these.
        values: Vec<QueryValue>,
    },
    /// The resource refers, by `parameter`, to a resource for which one branch holds (`subject.name`).
    Chain {
        /// The reference parameter.
        parameter: Arc<Parameter>,
        /// The possible types of the target, each with the test that its resource must pass; never empty.
        branches: Vec<Branch>,
    },
    /// A resource of another type refers to this one and passes a test (`_has`).
    Has {
        /// The type that refers to this one.
        resource_type: CompactString,
        /// That type's reference parameter.
        parameter: Arc<Parameter>,
        /// What the referring resource must pass.
        test: Box<Test>,
    },
    /// The resource's words are as asked (`_text`, `_content`).
    Words {
        /// Whether only the words of the narrative count (`_text`).
        narrative: bool,
        /// What they must be.
        query: TextQuery,
    },
    /// One of these Lists refers to the resource (`_list`): ids of Lists.
    Listed(Vec<CompactString>),
    /// The Location is near one of these places (`near`).
    Near {
        /// The parameter, whose cells stand in the index.
        parameter: Arc<Parameter>,
        /// Any of these.
        places: Vec<Near>,
    },
    /// The resource lies in a compartment.
    Within {
        /// The compartment's type: `Patient`, `Encounter`, `RelatedPerson`, `Practitioner`, `Device`.
        compartment: CompactString,
        /// The id of the resource that the compartment is of.
        id: CompactString,
    },
    /// All hold.
    All(Vec<Test>),
    /// One holds.
    Any(Vec<Test>),
    /// The test does not hold.
    Not(Box<Test>),
}

/// How `_filter` compares texts, without case and accents: some text of the resource is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextTest {
    /// `eq`: it is the given text.
    Equal,
    /// `ne`: it is another.
    NotEqual,
    /// `co`: it contains the given text.
    Contains,
    /// `sw`: it begins with the given text.
    StartsWith,
    /// `ew`: it ends with the given text.
    EndsWith,
    /// `gt`: it comes after the given text.
    Greater,
    /// `lt`: it comes before the given text.
    Less,
    /// `ge`: it is the given text or comes after it.
    GreaterOrEqual,
    /// `le`: it is the given text or comes before it.
    LessOrEqual,
}

/// One possible target type of a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// The target's type.
    pub resource_type: CompactString,
    /// What the target must pass.
    pub test: Test,
}

/// How values are compared, where it is not the kind's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modifier {
    /// String: the whole text, case and accents included.
    Exact,
    /// String: anywhere in the text.
    Contains,
    /// Token: none of the resource's values is one of these.
    Not,
    /// Any kind: the resource has a value, or has none; values are [`QueryValue::Missing`].
    Missing,
    /// Uri: the given URI or one above it. Token: the given code or one that subsumes it. Reference: the given resource or
    /// one that it is part of.
    Above,
    /// Uri: the given URI or one below it. Token: the given code or one that it subsumes. Reference: the given resource or
    /// one that is part of it.
    Below,
    /// Reference: the identifier in the reference; values are [`QueryValue::Token`].
    Identifier,
    /// Token and reference: a word of the text that people see begins with this; values are [`QueryValue::String`].
    Text,
    /// Token: the code begins with this; values are [`QueryValue::String`]. From R5.
    CodeText,
    /// Token: an identifier with its type; values are [`QueryValue::OfType`].
    OfType,
    /// Token: a code of a value set; values are [`QueryValue::Uri`].
    In,
    /// Token: no code of a value set; values are [`QueryValue::Uri`].
    NotIn,
    /// String: as a comparison of `_filter` says; no request names it.
    Compare(TextTest),
}

/// How a value relates to the one searched for (R4 3.1.1.4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Prefix {
    /// `eq`, the default: the resource's range lies inside the given range.
    #[default]
    Equal,
    /// `ne`: the resource's range does not lie inside the given range.
    NotEqual,
    /// `gt`: the resource's range reaches above the given value.
    Greater,
    /// `lt`: the resource's range reaches below the given value.
    Less,
    /// `ge`: `gt` or `eq`.
    GreaterOrEqual,
    /// `le`: `lt` or `eq`.
    LessOrEqual,
    /// `sa`: the resource's range starts after the given range ends.
    StartsAfter,
    /// `eb`: the resource's range ends before the given range starts.
    EndsBefore,
    /// `ap`: the ranges overlap, the given one widened.
    Approximate,
    /// `po` of `_filter`, for dates: the ranges overlap.
    Overlaps,
    /// `co` of `_filter`, for dates: the resource's range holds the given range.
    Covers,
}

/// The system part of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSystem {
    /// `code`: any system or none.
    Any,
    /// `|code`: no system.
    Absent,
    /// `system|code` or `system|`: this system.
    Is(CompactString),
}

/// One value of a criterion.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryValue {
    /// `true`: the resource has no value; `false`: it has one.
    Missing(bool),
    /// Text as given, unescaped but not normalised; not empty.
    String(CompactString),
    /// A code; at least one part is given.
    Token {
        /// The system.
        system: TokenSystem,
        /// The code; `None` for every code of the system.
        code: Option<CompactString>,
    },
    /// A span of time `[low, high)` in milliseconds since 1970 UTC. For `ap` widen it with
    /// [`date::approximate`](super::date::approximate), which needs the present.
    Date {
        /// How to compare.
        prefix: Prefix,
        /// First millisecond.
        low_ms: i64,
        /// First millisecond after.
        high_ms: i64,
    },
    /// A number with the range `[low, high)` its precision stands for; for `ap` the range is widened already.
    Number {
        /// How to compare.
        prefix: Prefix,
        /// Low end.
        low: Decimal,
        /// High end.
        high: Decimal,
        /// The number itself.
        value: Decimal,
    },
    /// A number with a unit.
    Quantity {
        /// How to compare.
        prefix: Prefix,
        /// Low end.
        low: Decimal,
        /// High end.
        high: Decimal,
        /// The number itself.
        value: Decimal,
        /// The unit's system; `None` when any will do.
        system: Option<CompactString>,
        /// The unit's code (or, without a system, its code or human form); `None` when any will do.
        code: Option<CompactString>,
    },
    /// A reference.
    Reference(ReferenceValue),
    /// A URI, exactly as given.
    Uri(CompactString),
    /// An identifier of a type.
    OfType {
        /// The system of the type's coding; `None` for "no system".
        system: Option<CompactString>,
        /// The code of the type's coding.
        code: CompactString,
        /// The identifier's value.
        value: CompactString,
    },
    /// The parts of a composite, one for each component.
    Composite(Vec<QueryValue>),
}

/// A reference searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceValue {
    /// `id`, `Type/id`, `Type/id/_history/version`; the type may also come from a `:Type` modifier.
    Local {
        /// The type; `None` when only an id was given, which then may be any of the parameter's targets.
        resource_type: Option<CompactString>,
        /// The logical id.
        id: CompactString,
        /// The version.
        version: Option<CompactString>,
    },
    /// An absolute URL, a URN or a canonical (with its `|version`), as given. The store knows whether it is its own.
    Absolute(CompactString),
}

/// One `_include` or `_revinclude`.
#[derive(Clone, Debug, PartialEq)]
pub struct Include {
    /// Whether resources that were included are followed too (`:iterate`).
    pub iterate: bool,
    /// The type that holds the reference; `None` for `*`, every type.
    pub source: Option<CompactString>,
    /// The reference parameter; `None` for `*`, every one of the source type.
    pub parameter: Option<Arc<Parameter>>,
    /// The only type of target wanted; `None` for any.
    pub target: Option<CompactString>,
}

/// One key of the order.
#[derive(Clone, Debug, PartialEq)]
pub struct SortKey {
    /// The parameter whose value orders.
    pub parameter: Arc<Parameter>,
    /// Whether the greatest value comes first.
    pub descending: bool,
}

/// Whether contained resources are looked for (`_contained`, R4 3.1.1.4.13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Contained {
    /// `false`: only resources that are not contained in others.
    #[default]
    No,
    /// `true`: only those that are.
    Only,
    /// `both`
    Both,
}

/// What stands for a contained resource that was found (`_containedType`, R4 3.1.1.4.13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContainedType {
    /// `container`: the resource that it is contained in.
    #[default]
    Container,
    /// `contained`: itself.
    Contained,
}

/// How exact `Bundle.total` should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// `none`
    None,
    /// `estimate`
    Estimate,
    /// `accurate`
    Accurate,
}

/// Which part of a match to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summary {
    /// `true`: the elements marked as summary in the definitions.
    True,
    /// `text`: narrative, id, meta and mandatory elements.
    Text,
    /// `data`: everything but the narrative.
    Data,
    /// `count`: only the total.
    Count,
    /// `false`: everything.
    False,
}

/// The bounds of a request.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How many pairs a request may have.
    pub pairs_max: usize,
    /// How many values one criterion may list.
    pub values_max: usize,
    /// How many values all criteria may have, those of a chain once for each type it branches to.
    pub values_total_max: usize,
    /// The length of all names and values together.
    pub bytes_max: usize,
    /// How many references a chain or nested `_has` may follow.
    pub chain_steps_max: usize,
    /// How many tests all branches of all chains may come to.
    pub tests_max: usize,
    /// The greatest page; larger wishes are cut to it.
    pub count_max: u32,
    /// How many sort keys are allowed.
    pub sort_keys_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pairs_max: 64,
            values_max: 10_000,
            values_total_max: 50_000,
            bytes_max: 256 * 1024,
            chain_steps_max: 8,
            tests_max: 1024,
            count_max: 1000,
            sort_keys_max: 4,
        }
    }
}
