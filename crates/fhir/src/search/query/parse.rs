//! The pairs of a request to a [`Query`].

use std::sync::Arc;

use super::super::{Kind, Parameter, Registry};
use super::values::{split, unescape, value};
use super::{
    Branch, Contained, ContainedType, Criterion, EXPLAIN_PARAMETER, Ignored, Include, Limits, Modifier,
    PAGE_PARAMETER, Query, SortKey, Summary, Test, Total,
};
use crate::definitions;
use crate::outcome::{Issue, IssueType};

/// Reads a search request for `resource_type` with the parameters of `registry`; `pairs` are percent-decoded, in the order given.
///
/// With `lenient`, pairs that name something unknown or not offered are reported in [`Query::ignored`]; a value that cannot
/// be read is an error either way, since leaving it out would widen the answer.
///
/// # Errors
/// Every problem found, each naming the parameter and what is expected, never the value; for an unknown parameter the
/// names near it.
pub fn parse(
    registry: &Registry,
    resource_type: &str,
    pairs: &[(String, String)],
    lenient: bool,
    limits: &Limits,
) -> Result<Query, Vec<Issue>> {
    if !definitions::is_resource(resource_type) {
        return Err(vec![Issue::error(IssueType::NotSupported, "this is no resource type of R4")]);
    }
    let bytes: usize = pairs.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum();
    if pairs.len() > limits.pairs_max || bytes > limits.bytes_max {
        let text =
            format!("a search may have {} parameters and {} bytes", limits.pairs_max, limits.bytes_max);
        return Err(vec![Issue::error(IssueType::TooCostly, text)]);
    }
    let query = Query { resource_type: resource_type.into(), ..Query::default() };
    let mut reader = Reader { registry, query, limits, tests: 0, values: 0, seen: Vec::new() };
    let mut issues = Vec::new();
    for (name, text) in pairs {
        match reader.pair(name, text) {
            Ok(()) if [EXPLAIN_PARAMETER, "_format", "_pretty"].contains(&name.as_str()) => {}
            Ok(()) => reader.query.used.push((name.clone(), text.clone())),
            Err(problem) if lenient && problem.code == IssueType::NotSupported => {
                reader.query.ignored.push(Ignored { name: name.clone(), reason: problem.text });
            }
            Err(problem) => {
                issues.push(Issue::error(problem.code, problem.text).at(format!("http.{}", shown(name))))
            }
        }
    }
    if let Err(problem) = reader.reaches_contained() {
        // Whatever the handling: without `_contained`, or without the criterion, it would be another search.
        issues.push(Issue::error(problem.code, problem.text).at("http._contained"));
    }
    if issues.is_empty() { Ok(reader.query) } else { Err(issues) }
}

pub(super) struct Problem {
    pub(super) code: IssueType,
    pub(super) text: String,
}

pub(super) fn unsupported(text: impl Into<String>) -> Problem {
    Problem { code: IssueType::NotSupported, text: text.into() }
}

pub(super) fn wrong(name: &str, text: &str) -> Problem {
    Problem { code: IssueType::Value, text: format!("`{}`: {text}", shown(name)) }
}

/// A name from the request, cut to a length fit for a message.
pub(super) fn shown(name: &str) -> String {
    name.chars().filter(|char| !char.is_control()).take(80).collect()
}

pub(super) struct Reader<'l> {
    registry: &'l Registry,
    pub(super) query: Query,
    pub(super) limits: &'l Limits,
    tests: usize,
    /// Values read so far, in all branches of all chains.
    values: usize,
    /// Names that may be given only once, and were.
    seen: Vec<&'static str>,
}

impl Reader<'_> {
    fn pair(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        let plain = name.split(':').next().unwrap_or(name);
        match plain {
            "_include" => self.include(name, text).map(|found| self.query.includes.push(found)),
            "_revinclude" => self.include(name, text).map(|found| self.query.revincludes.push(found)),
            "_has" => self.criterion(name, text),
            _ if plain != name || name.contains('.') => self.criterion(name, text),
            _ => self.control(name, text),
        }
    }

    /// The parameters that shape the answer; everything else is a criterion.
    fn control(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        match name {
            "_sort" => {
                self.once("_sort")?;
                self.query.sort = self.sort(text)?;
            }
            "_count" => {
                self.once("_count")?;
                let count: u32 = text.parse().map_err(|_| wrong(name, "a whole number is expected"))?;
                self.query.count = Some(count.min(self.limits.count_max));
            }
            "_total" => {
                self.once("_total")?;
                self.query.total = Some(match text {
                    "none" => Total::None,
                    "estimate" => Total::Estimate,
                    "accurate" => Total::Accurate,
                    _ => return Err(wrong(name, "`none`, `estimate` or `accurate` is expected")),
                });
            }
            "_summary" => {
                self.once("_summary")?;
                self.query.summary = Some(match text {
                    "true" => Summary::True,
                    "text" => Summary::Text,
                    "data" => Summary::Data,
                    "count" => Summary::Count,
                    "false" => Summary::False,
                    _ => return Err(wrong(name, "`true`, `text`, `data`, `count` or `false` is expected")),
                });
            }
            "_elements" => self.elements(text)?,
            "_contained" => {
                self.once("_contained")?;
                self.query.contained = match text {
                    "false" => Contained::No,
                    "true" => Contained::Only,
                    "both" => Contained::Both,
                    _ => return Err(wrong(name, "`false`, `true` or `both` is expected")),
                };
            }
            "_containedType" => {
                self.once("_containedType")?;
                self.query.contained_type = match text {
                    "container" => ContainedType::Container,
                    "contained" => ContainedType::Contained,
                    _ => return Err(wrong(name, "`container` or `contained` is expected")),
                };
            }
            // Not "unsupported": a lenient reading would leave it out, and answer with the first page.
            PAGE_PARAMETER => {
                return Err(wrong(name, "a page token stands alone, as in the link it came in"));
            }
            EXPLAIN_PARAMETER => self.query.explain = text == "true",
            "_format" | "_pretty" => {}
            "_filter" => {
                let test = self.filtered(text)?;
                self.query.criteria.push(Criterion { name: name.into(), test });
            }
            "_query" | "_type" => {
                return Err(unsupported(format!("`{name}` is not offered")));
            }
            _ => self.criterion(name, text)?,
        }
        Ok(())
    }

    /// Refuses to look in contained resources for what is not known of them: parameters of a tenant's own.
    fn reaches_contained(&self) -> Result<(), Problem> {
        let query = &self.query;
        if query.contained == Contained::No {
            return Ok(());
        }
        let asked = query.criteria.iter().find_map(|criterion| own_parameter(&criterion.test));
        let sorted = query.sort.iter().map(|key| &key.parameter).find(|parameter| parameter.is_custom());
        let included = query
            .includes
            .iter()
            .filter(|_| query.contained_type == ContainedType::Contained)
            .filter_map(|include| include.parameter.as_ref())
            .find(|parameter| parameter.is_custom());
        match asked.or(sorted).or(included) {
            Some(parameter) => Err(unsupported(format!(
                "`_contained`: contained resources are not searched by `{}`, which is no parameter of R4",
                shown(&parameter.code)
            ))),
            None => Ok(()),
        }
    }

    fn once(&mut self, name: &'static str) -> Result<(), Problem> {
        if self.seen.contains(&name) {
            return Err(wrong(name, "is given more than once"));
        }
        self.seen.push(name);
        Ok(())
    }

    fn elements(&mut self, text: &str) -> Result<(), Problem> {
        for name in text.split(',') {
            if name.is_empty() || name.len() > 64 || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
                return Err(wrong("_elements", "names of elements are expected, with commas between them"));
            }
            let elements = &mut self.query.elements;
            if !elements.iter().any(|known| known == name) {
                elements.push(name.into());
            }
        }
        if self.query.elements.len() > self.limits.values_max {
            return Err(wrong("_elements", "too many elements are listed"));
        }
        Ok(())
    }

    fn sort(&self, text: &str) -> Result<Vec<SortKey>, Problem> {
        let mut keys = Vec::new();
        for key in text.split(',') {
            let (descending, code) = key.strip_prefix('-').map_or((false, key), |code| (true, code));
            let found = self.find(&self.query.resource_type, code)?;
            if matches!(found.kind, Kind::Composite | Kind::Special) {
                return Err(unsupported(format!("`_sort`: matches cannot be ordered by `{code}`")));
            }
            keys.push(SortKey { parameter: found, descending });
        }
        if keys.len() > self.limits.sort_keys_max {
            let most = self.limits.sort_keys_max;
            return Err(Problem { code: IssueType::TooCostly, text: format!("`_sort` takes {most} keys") });
        }
        Ok(keys)
    }

    fn include(&mut self, name: &str, text: &str) -> Result<Include, Problem> {
        let iterate = match name.split_once(':').map(|(_, modifier)| modifier) {
            None => false,
            Some("iterate" | "recurse") => true,
            Some(_) => return Err(unsupported(format!("`{}`: only `:iterate` is known", shown(name)))),
        };
        if text == "*" {
            return Ok(Include { iterate, source: None, parameter: None, target: None });
        }
        let mut parts = text.split(':');
        let (source, code, target) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next());
        if parts.next().is_some() || code.is_empty() {
            return Err(wrong(name, "`Type:parameter`, `Type:parameter:TargetType` or `*` is expected"));
        }
        if !definitions::is_resource(source) || target.is_some_and(|target| !definitions::is_resource(target))
        {
            return Err(wrong(name, "the value names no resource type of R4"));
        }
        let parameter = if code == "*" { None } else { Some(self.find(source, code)?) };
        if parameter.as_ref().is_some_and(|parameter| parameter.kind != Kind::Reference) {
            return Err(wrong(name, "the parameter is no reference"));
        }
        Ok(Include { iterate, source: Some(source.into()), parameter, target: target.map(Into::into) })
    }

    /// Finds a parameter, or names those that are written nearly like it.
    pub(super) fn find(&self, resource_type: &str, code: &str) -> Result<Arc<Parameter>, Problem> {
        if let Some(found) = self.registry.parameter(resource_type, code) {
            return Ok(Arc::clone(found));
        }
        let mut near: Vec<(usize, &str)> = self
            .registry
            .parameters(resource_type)
            .iter()
            .map(|candidate| (distance(code, &candidate.code), candidate.code.as_str()))
            .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
            .collect();
        near.sort_unstable();
        let near: Vec<String> = near.iter().take(3).map(|(_, code)| format!("`{code}`")).collect();
        let hint = if near.is_empty() { String::new() } else { format!("; near it: {}", near.join(", ")) };
        Err(unsupported(format!("{resource_type} has no search parameter `{}`{hint}", shown(code))))
    }

    fn criterion(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        let resource_type = self.query.resource_type.clone();
        let test = self.test(&resource_type, name, text, 0)?;
        self.query.criteria.push(Criterion { name: name.into(), test });
        Ok(())
    }

    /// Counts a test that is `steps` references away.
    pub(super) fn count(&mut self, steps: usize, name: &str) -> Result<(), Problem> {
        self.tests += 1;
        if steps > self.limits.chain_steps_max || self.tests > self.limits.tests_max {
            let most = self.limits.chain_steps_max;
            let text = format!("`{}`: a chain may follow {most} references, to few types each", shown(name));
            return Err(Problem { code: IssueType::TooCostly, text });
        }
        Ok(())
    }

    fn test(&mut self, resource_type: &str, name: &str, text: &str, steps: usize) -> Result<Test, Problem> {
        self.count(steps, name)?;
        if let Some(rest) = name.strip_prefix("_has:") {
            return self.has(resource_type, name, rest, text, steps);
        }
        if let Some((head, rest)) = name.split_once('.') {
            return self.chain(resource_type, head, rest, text, steps);
        }
        if let Some(test) = self.special(resource_type, name, text)? {
            return Ok(test);
        }
        let (code, modifier) =
            name.split_once(':').map_or((name, None), |(code, modifier)| (code, Some(modifier)));
        let parameter = self.find(resource_type, code)?;
        let (modifier, target) = self::modifier(&parameter, name, modifier)?;
        if text.is_empty() {
            return Err(wrong(name, "a value is missing"));
        }
        let texts = split(text, ',');
        if texts.len() > self.limits.values_max {
            let text = format!("`{}`: {} values may be listed", shown(name), self.limits.values_max);
            return Err(Problem { code: IssueType::TooCostly, text });
        }
        self.values += texts.len();
        if self.values > self.limits.values_total_max {
            let text = format!("`{}`: too many values, times the types they are looked for in", shown(name));
            return Err(Problem { code: IssueType::TooCostly, text });
        }
        let mut values = Vec::with_capacity(texts.len());
        for text in texts {
            if text.is_empty() {
                return Err(wrong(name, "a listed value is empty"));
            }
            let value =
                value(&parameter, modifier, target, text).map_err(|expected| wrong(name, expected))?;
            values.push(value);
        }
        Ok(Test::Own { parameter, modifier, values })
    }

    /// `subject:Patient.name`, `subject.name`: `head` is before the first point.
    fn chain(
        &mut self,
        resource_type: &str,
        head: &str,
        rest: &str,
        text: &str,
        steps: usize,
    ) -> Result<Test, Problem> {
        self.follow(resource_type, head, &mut |reader, target| reader.test(target, rest, text, steps + 1))
    }

    /// A test of what a reference leads to: `then` makes it for each type of target that there may be.
    pub(super) fn follow(
        &mut self,
        resource_type: &str,
        head: &str,
        then: &mut dyn FnMut(&mut Self, &str) -> Result<Test, Problem>,
    ) -> Result<Test, Problem> {
        let (code, target) = head.split_once(':').map_or((head, None), |(code, target)| (code, Some(target)));
        let parameter = self.find(resource_type, code)?;
        if parameter.kind != Kind::Reference {
            return Err(wrong(head, "only a reference can be followed with a point"));
        }
        if let Some(target) = target {
            check_target(&parameter, head, target)?;
            let test = then(self, target)?;
            let branches = vec![Branch { resource_type: target.into(), test }];
            return Ok(Test::Chain { parameter, branches });
        }
        if parameter.targets.is_empty() {
            return Err(wrong(
                head,
                "this reference may be of any type: name one, as in `focus:Patient.name`",
            ));
        }
        let mut branches = Vec::new();
        let mut problem = None;
        for target in &parameter.targets {
            match then(self, target) {
                Ok(test) => branches.push(Branch { resource_type: (*target).into(), test }),
                // Not every target has the parameter; it is enough that one has.
                Err(found) => {
                    let worse = problem
                        .as_ref()
                        .is_none_or(|problem: &Problem| problem.code == IssueType::NotSupported);
                    if found.code == IssueType::TooCostly {
                        return Err(found);
                    }
                    if worse {
                        problem = Some(found);
                    }
                }
            }
        }
        match problem {
            Some(problem) if branches.is_empty() => Err(problem),
            _ => Ok(Test::Chain { parameter, branches }),
        }
    }

    /// `_has:Observation:patient:code`: `rest` follows `_has:`.
    fn has(
        &mut self,
        resource_type: &str,
        name: &str,
        rest: &str,
        text: &str,
        steps: usize,
    ) -> Result<Test, Problem> {
        let mut parts = rest.splitn(3, ':');
        let (Some(source), Some(code), Some(inner)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong(name, "`_has:Type:reference:parameter` is expected"));
        };
        let parameter = self.referring(resource_type, name, source, code)?;
        let test = Box::new(self.test(source, inner, text, steps + 1)?);
        Ok(Test::Has { resource_type: source.into(), parameter, test })
    }

    /// The reference parameter by which `source` refers to `resource_type`; `name` is what asks for it.
    pub(super) fn referring(
        &self,
        resource_type: &str,
        name: &str,
        source: &str,
        code: &str,
    ) -> Result<Arc<Parameter>, Problem> {
        if !definitions::is_resource(source) {
            return Err(wrong(name, "it names no resource type of R4"));
        }
        let parameter = self.find(source, code)?;
        if parameter.kind != Kind::Reference {
            return Err(wrong(name, "the second part must be a reference parameter"));
        }
        check_target(&parameter, name, resource_type)?;
        Ok(parameter)
    }
}

/// A parameter of a tenant's own by which a test reads the resource itself.
fn own_parameter(test: &Test) -> Option<&Arc<Parameter>> {
    match test {
        Test::Own { parameter, .. } | Test::Chain { parameter, .. } | Test::Near { parameter, .. } => {
            Some(parameter).filter(|parameter| parameter.is_custom())
        }
        Test::All(tests) | Test::Any(tests) => tests.iter().find_map(own_parameter),
        Test::Not(test) => own_parameter(test),
        Test::Has { .. } | Test::Words { .. } | Test::Listed(_) | Test::Within { .. } => None,
    }
}

pub(super) fn check_target(parameter: &Parameter, name: &str, target: &str) -> Result<(), Problem> {
    if !definitions::is_resource(target) {
        return Err(wrong(name, "it names no resource type of R4"));
    }
    if parameter.targets.is_empty() || parameter.targets.contains(&target) {
        return Ok(());
    }
    let text = format!("the reference points to {}", parameter.targets.join(", "));
    Err(wrong(name, &text))
}

/// The modifier, or the target type that stands in its place.
fn modifier<'n>(
    parameter: &Parameter,
    name: &str,
    modifier: Option<&'n str>,
) -> Result<(Option<Modifier>, Option<&'n str>), Problem> {
    let Some(modifier) = modifier else { return Ok((None, None)) };
    let found = match (modifier, parameter.kind) {
        (_, Kind::Special) => None,
        ("missing", _) => Some(Modifier::Missing),
        ("exact", Kind::String) => Some(Modifier::Exact),
        ("contains", Kind::String) => Some(Modifier::Contains),
        ("not", Kind::Token) => Some(Modifier::Not),
        // Ids are looked up, so nothing else is known of them.
        (_, Kind::Token) if parameter.code == "_id" => None,
        ("above", Kind::Uri | Kind::Token | Kind::Reference) => Some(Modifier::Above),
        ("below", Kind::Uri | Kind::Token | Kind::Reference) => Some(Modifier::Below),
        ("identifier", Kind::Reference) => Some(Modifier::Identifier),
        ("text", Kind::Token | Kind::Reference) => Some(Modifier::Text),
        ("code-text", Kind::Token) => Some(Modifier::CodeText),
        ("of-type", Kind::Token) => Some(Modifier::OfType),
        ("in", Kind::Token) => Some(Modifier::In),
        ("not-in", Kind::Token) => Some(Modifier::NotIn),
        (target, Kind::Reference) if definitions::is_resource(target) => {
            check_target(parameter, name, target)?;
            return Ok((None, Some(target)));
        }
        _ => None,
    };
    match found {
        Some(found) => Ok((Some(found), None)),
        None => {
            let (kind, name) = (parameter.kind.code(), shown(name));
            Err(unsupported(format!("`{name}`: this modifier is not offered for a {kind} parameter")))
        }
    }
}

/// The number of single-letter edits between two names, ignoring case; names are cut at 40 letters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.to_lowercase().chars().take(40).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, letter) in left.to_lowercase().chars().take(40).enumerate() {
        let mut diagonal = line;
        let mut before = line + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(&right) {
            let substituted = diagonal + usize::from(letter != *other);
            diagonal = *cell;
            *cell = substituted.min(diagonal + 1).min(before + 1);
            before = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// Escapes text so that it stands for itself in a value.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, ',' | '|' | '$' | '\\') {
            out.push('\\');
        }
        out.push(char);
    }
    debug_assert_eq!(unescape(&out), text, "escaping is undone by unescaping");
    out
}
