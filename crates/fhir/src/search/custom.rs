//! A tenant's own search parameters: SearchParameter resources, read and checked.
//!
//! An expression may be any FHIRPath that depends on the resource alone; plain paths are read directly, everything else by
//! the evaluator, within bounds.
//!
//! Source: FHIR R4 SearchParameter, and 3.1.1.1 (a server may define additional parameters).

use compact_str::CompactString;

use super::extract::is_readable;
use super::registry::targets;
use super::{Component, Kind, Parameter, Registry};
use crate::definitions::{self, SearchParameter};
use crate::json::Value;
use crate::outcome::{Issue, IssueType};
use crate::path::Expression;

/// Where the standard's own parameters live.
const STANDARD_URL: &str = "http://hl7.org/fhir/SearchParameter/";

/// The most bytes of an expression.
const EXPRESSION_BYTES_MAX: usize = 4096;

/// The most parts of a composite.
const COMPONENTS_MAX: usize = 8;

/// Functions whose answer does not come from the resource alone: an index could not be built twice with the same result.
const OUTSIDE: &[&str] = &["now", "today", "timeOfDay", "memberOf", "conformsTo"];

/// What a SearchParameter resource asks of the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// Nothing: it is a draft, or retired.
    Nothing,
    /// What the standard's parameter of this code does already.
    Standard,
    /// A parameter of the tenant's own.
    Own(Definition),
}

/// A parameter that a tenant defines.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Its canonical address.
    pub url: CompactString,
    /// Its name in a search.
    pub code: CompactString,
    /// How values are compared.
    pub kind: Kind,
    /// The resource types it reads, sorted, each with its part of the expression.
    pub bases: Vec<(&'static str, CompactString)>,
    /// The types a reference may point to.
    pub targets: Vec<&'static str>,
    /// The parts of a composite.
    pub components: Vec<Part>,
}

/// A part of a composite.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The canonical address of the parameter that says how to compare.
    pub definition: CompactString,
    /// Its kind.
    pub kind: Kind,
    /// FHIRPath from what the composite's own expression finds.
    pub expression: CompactString,
}

impl Definition {
    /// The parameter on each of its types, under the number `id`.
    pub fn parameters(&self, id: u16) -> impl Iterator<Item = Parameter> {
        self.bases.iter().map(move |(resource_type, expression)| {
            let components = self.components.iter().map(|part| Component {
                code: last_part(&part.definition).into(),
                kind: part.kind,
                expression: part.expression.clone(),
            });
            Parameter {
                id,
                resource_type,
                code: self.code.clone(),
                kind: self.kind,
                targets: targets(&self.targets, expression),
                expression: expression.clone(),
                components: components.collect(),
            }
        })
    }

    /// Whether both give a type a parameter of the same name.
    #[must_use]
    pub fn clashes(&self, other: &Self) -> bool {
        self.code == other.code && self.bases.iter().any(|(base, _)| other.has_base(base))
    }

    /// Whether it reads resources of a type.
    #[must_use]
    pub fn has_base(&self, resource_type: &str) -> bool {
        self.bases.iter().any(|(base, _)| *base == resource_type)
    }
}

/// Reads a SearchParameter resource that `validate` found to be well formed.
///
/// `kind_of` gives the kind of a tenant's own parameter by its canonical address, for the parts of composites; those of the
/// standard are known here.
///
/// # Errors
/// Every reason why an active parameter cannot be offered, with its place. A draft or a retired one has none.
pub fn read(value: &Value, kind_of: &dyn Fn(&str) -> Option<Kind>) -> Result<Wish, Vec<Issue>> {
    if text(value, "status") != "active" {
        return Ok(Wish::Nothing);
    }
    let mut reader = Reader { value, kind_of, issues: Vec::new() };
    let Some(definition) = reader.definition() else {
        return if reader.issues.is_empty() { Ok(Wish::Standard) } else { Err(reader.issues) };
    };
    if reader.issues.is_empty() { Ok(Wish::Own(definition)) } else { Err(reader.issues) }
}

struct Reader<'v> {
    value: &'v Value,
    kind_of: &'v dyn Fn(&str) -> Option<Kind>,
    issues: Vec<Issue>,
}

impl Reader<'_> {
    fn refuse(&mut self, code: IssueType, place: &str, reason: impl Into<String>) {
        self.issues.push(Issue::error(code, reason).at(format!("SearchParameter.{place}")));
    }

    /// `None` if the standard's own parameter serves, or nothing could be made of it.
    fn definition(&mut self) -> Option<Definition> {
        let code = text(self.value, "code");
        let kind = Kind::from_code(text(self.value, "type"));
        let bases = self.bases();
        if is_standard(self.value, code, kind) {
            return None;
        }
        self.check_code(code);
        let kind = kind.filter(|kind| *kind != Kind::Special);
        if kind.is_none() {
            self.refuse(
                IssueType::NotSupported,
                "type",
                "a parameter of this type has rules that are not known here",
            );
        }
        if !matches!(text(self.value, "xpathUsage"), "" | "normal") {
            self.refuse(IssueType::NotSupported, "xpathUsage", "only `normal` is offered");
        }
        let expression = text(self.value, "expression");
        self.check_expression(expression, "expression");
        let parts = self.parts(kind == Some(Kind::Composite));
        let targets = names(self.value, "target").filter_map(definitions::resource_named).map(|ty| ty.name);
        let mut definition = Definition {
            url: text(self.value, "url").into(),
            code: code.into(),
            kind: kind?,
            bases: Vec::with_capacity(bases.len()),
            targets: targets.collect(),
            components: parts,
        };
        if !self.issues.is_empty() {
            return None;
        }
        let shared = bases.len() > 1;
        let mut standard = 0;
        for base in bases {
            let of_base = part_for(expression, base, shared);
            if let Some(known) = Registry::base().parameter(base, code) {
                if known.kind == definition.kind && same_path(&known.expression, &of_base) {
                    standard += 1;
                    continue;
                }
                let reason = format!(
                    "`{code}` of {base} is a parameter of the standard that reads something else; choose another code, \
                     or name it in `derivedFrom`"
                );
                self.refuse(IssueType::BusinessRule, "code", reason);
                continue;
            }
            definition.bases.push((base, of_base.into()));
        }
        for parameter in definition.parameters(super::CUSTOM_FIRST) {
            if !is_readable(&parameter) {
                let reason = format!("the expression finds no element of {}", parameter.resource_type);
                self.refuse(IssueType::Value, "expression", reason);
            }
        }
        if definition.bases.is_empty() && standard > 0 {
            return None;
        }
        Some(definition)
    }

    /// The types it reads; those that stand for others are spelt out.
    fn bases(&mut self) -> Vec<&'static str> {
        let mut bases = Vec::new();
        for (at, name) in names(self.value, "base").enumerate() {
            let found: Vec<&'static str> = match name {
                "Resource" | "DomainResource" => definitions::resource_types()
                    .filter(|ty| ty.is_subtype_of(name))
                    .map(|ty| ty.name)
                    .collect(),
                _ => definitions::resource_named(name).map(|ty| ty.name).into_iter().collect(),
            };
            if found.is_empty() {
                self.refuse(IssueType::Value, &format!("base[{at}]"), "this is no resource type of R4");
            }
            bases.extend(found);
        }
        bases.sort_unstable();
        bases.dedup();
        if bases.is_empty() && self.issues.is_empty() {
            self.refuse(IssueType::Required, "base", "a resource type is needed");
        }
        bases
    }

    /// A name that a request can hold, and that is no part of the syntax of searches.
    fn check_code(&mut self, code: &str) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if code.is_empty() || code.len() > 64 || !code.bytes().all(plain) || code.starts_with('_') {
            let reason = "a code has 1 to 64 letters, digits, `-` and `_`, and does not begin with `_`";
            self.refuse(IssueType::Value, "code", reason);
        }
    }

    fn check_expression(&mut self, expression: &str, place: &str) {
        if expression.is_empty() {
            self.refuse(IssueType::Required, place, "an expression is needed");
        } else if expression.len() > EXPRESSION_BYTES_MAX {
            let reason = format!("an expression may have {EXPRESSION_BYTES_MAX} bytes");
            self.refuse(IssueType::TooCostly, place, reason);
        } else if let Err(error) = Expression::parse(expression) {
            self.refuse(IssueType::Value, place, format!("this is no FHIRPath expression: {error}"));
        } else if let Some(name) = outside(expression) {
            let reason = format!("`{name}` depends on more than the resource, so that it cannot be indexed");
            self.refuse(IssueType::NotSupported, place, reason);
        }
    }

    fn parts(&mut self, is_composite: bool) -> Vec<Part> {
        let listed = self.value.get("component").map_or(&[][..], Value::elements);
        if !is_composite {
            return Vec::new();
        }
        if listed.is_empty() || listed.len() > COMPONENTS_MAX {
            let reason = format!("a composite has 1 to {COMPONENTS_MAX} components");
            self.refuse(IssueType::Value, "component", reason);
            return Vec::new();
        }
        let mut parts = Vec::with_capacity(listed.len());
        for (at, component) in listed.iter().enumerate() {
            let (definition, expression) = (text(component, "definition"), text(component, "expression"));
            self.check_expression(expression, &format!("component[{at}].expression"));
            let kind = standard_at(definition).and_then(|found| Kind::from_code(found.kind));
            match kind.or_else(|| (self.kind_of)(definition)) {
                Some(kind) if !matches!(kind, Kind::Composite | Kind::Special) => {
                    parts.push(Part { definition: definition.into(), kind, expression: expression.into() });
                }
                _ => {
                    let reason = "this is no active parameter of the server that a composite can hold";
                    self.refuse(IssueType::NotFound, &format!("component[{at}].definition"), reason);
                }
            }
        }
        parts
    }
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn names<'v>(value: &'v Value, member: &str) -> impl Iterator<Item = &'v str> {
    value.get(member).map_or(&[][..], Value::elements).iter().filter_map(Value::as_str)
}

fn last_part(url: &str) -> &str {
    url.split('|').next().and_then(|url| url.rsplit('/').next()).unwrap_or(url)
}

/// The standard's parameter at a canonical address.
fn standard_at(url: &str) -> Option<&'static SearchParameter> {
    let id = url.split('|').next()?.strip_prefix(STANDARD_URL)?;
    definitions::search_parameters().iter().find(|found| found.id == id)
}

/// Whether a canonical address is that of a parameter of the standard.
#[must_use]
pub fn is_of_standard(url: &str) -> bool {
    standard_at(url).is_some()
}

/// Whether a resource is a parameter of the standard, or a copy that says so: implementation guides restate them.
fn is_standard(value: &Value, code: &str, kind: Option<Kind>) -> bool {
    let mut addresses = [text(value, "url"), text(value, "derivedFrom")].into_iter();
    addresses.any(|url| {
        standard_at(url).is_some_and(|found| found.code == code && Kind::from_code(found.kind) == kind)
    })
}

/// Whether two expressions are the same but for blanks and brackets.
fn same_path(left: &str, right: &str) -> bool {
    match (Expression::parse(left), Expression::parse(right)) {
        (Ok(left), Ok(right)) => left == right || left.to_string() == right.to_string(),
        _ => false,
    }
}

/// The first function of [`OUTSIDE`] that an expression calls; what stands in quotes is no call.
fn outside(expression: &str) -> Option<&'static str> {
    let mut plain = String::with_capacity(expression.len());
    let mut quote = None;
    let mut escaped = false;
    for char in expression.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if char == '\\' => escaped = true,
            Some(open) if char == open => quote = None,
            Some(_) => {}
            None if matches!(char, '\'' | '"') => quote = Some(char),
            // A name between backticks is a name all the same.
            None if char != '`' => plain.push(char),
            None => {}
        }
    }
    let words: Vec<&str> = plain.split(|char: char| !char.is_ascii_alphanumeric() && char != '_').collect();
    OUTSIDE.iter().copied().find(|name| words.contains(name))
}

/// The part of an expression for several types that is about one of them: alternatives that begin with another are left out.
fn part_for(expression: &str, base: &str, shared: bool) -> String {
    if !shared {
        return expression.to_owned();
    }
    let about = |part: &&str| {
        let end = part.find(|char: char| !char.is_ascii_alphanumeric()).unwrap_or(part.len());
        let first = part.get(..end).unwrap_or_default();
        first == base || !definitions::is_resource(first)
    };
    let parts: Vec<&str> = alternatives(expression).into_iter().map(str::trim).filter(about).collect();
    parts.join(" | ")
}

/// Splits at every `|` that stands in no bracket and no quotes.
fn alternatives(expression: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth, mut quote, mut escaped) = (0, 0_usize, None, false);
    for (at, char) in expression.char_indices() {
        match (quote, char) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == char => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(char),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, '|') if depth == 0 => {
                parts.push(expression.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    parts.push(expression.get(start..).unwrap_or_default());
    parts
}

#[cfg(test)]
mod tests;
