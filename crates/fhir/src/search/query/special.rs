//! Criteria that are no `name=value` of a search parameter: words, lists, places, filters.

use compact_str::CompactString;

use super::super::near::Near;
use super::super::{Kind, Parameter};
use super::filter::{self, Comparison, Filter, Operator, Step};
use super::parse::{Problem, Reader, check_target, shown, unsupported, wrong};
use super::values::{is_id, split, unescape, value};
use super::{Modifier, Prefix, QueryValue, Test, TextQuery, TextTest};
use crate::definitions;
use crate::outcome::IssueType;

/// Short names that a filter may use for code systems (R4 3.1.3, notes).
const SYSTEMS: &[(&str, &str)] = &[
    ("loinc", "http://loinc.org"),
    ("snomed", "http://snomed.info/sct"),
    ("rxnorm", "http://www.nlm.nih.gov/research/umls/rxnorm"),
    ("ucum", "http://unitsofmeasure.org"),
];

impl Reader<'_> {
    /// `_text`, `_content`, `_list` and `near`; `None` for any other name.
    pub(super) fn special(
        &self,
        resource_type: &str,
        name: &str,
        text: &str,
    ) -> Result<Option<Test>, Problem> {
        Ok(Some(match name {
            "_text" | "_content" => {
                let query = TextQuery::parse(text).map_err(|expected| wrong(name, expected))?;
                Test::Words { narrative: name == "_text", query }
            }
            "_list" => Test::Listed(self.lists(text)?),
            "near" if resource_type == "Location" => {
                let parameter = self.find(resource_type, name)?;
                let places = self.listed(name, text)?.into_iter().map(|text| Near::parse(&unescape(text)));
                let places = places.collect::<Result<_, _>>().map_err(|expected| wrong(name, expected))?;
                Test::Near { parameter, places }
            }
            _ => return Ok(None),
        }))
    }

    /// The values between commas.
    pub(super) fn listed<'t>(&self, name: &str, text: &'t str) -> Result<Vec<&'t str>, Problem> {
        let texts = split(text, ',');
        if texts.len() > self.limits.values_max {
            let text = format!("`{}`: {} values may be listed", shown(name), self.limits.values_max);
            return Err(Problem { code: IssueType::TooCostly, text });
        }
        if texts.iter().any(|text| text.is_empty()) {
            return Err(wrong(
                name,
                if text.is_empty() { "a value is missing" } else { "a listed value is empty" },
            ));
        }
        Ok(texts)
    }

    fn lists(&self, text: &str) -> Result<Vec<CompactString>, Problem> {
        let mut ids = Vec::new();
        for text in self.listed("_list", text)? {
            if text.starts_with('$') {
                return Err(unsupported(format!(
                    "`_list`: the functional list `{}` is not offered",
                    shown(text)
                )));
            }
            let id = text.strip_prefix("List/").unwrap_or(text);
            if !is_id(id) {
                return Err(wrong("_list", "the id of a List is expected"));
            }
            ids.push(id.into());
        }
        Ok(ids)
    }

    /// `_filter`.
    pub(super) fn filtered(&mut self, text: &str) -> Result<Test, Problem> {
        let filter = filter::parse(text).map_err(|error| {
            let code = if error.too_costly { IssueType::TooCostly } else { IssueType::Value };
            placed(error.at, Problem { code, text: error.expected.to_owned() })
        })?;
        let resource_type = self.query.resource_type.clone();
        self.filter(&resource_type, &filter, 0)
    }

    fn filter(&mut self, resource_type: &str, filter: &Filter, steps: usize) -> Result<Test, Problem> {
        let mut all = |parts: &[Filter]| -> Result<Vec<Test>, Problem> {
            parts.iter().map(|part| self.filter(resource_type, part, steps)).collect()
        };
        Ok(match filter {
            Filter::All(parts) => Test::All(all(parts)?),
            Filter::Any(parts) => Test::Any(all(parts)?),
            Filter::Not(part) => Test::Not(Box::new(self.filter(resource_type, part, steps)?)),
            Filter::Compare(one) => self
                .compared(resource_type, &one.path, one, steps)
                .map_err(|problem| placed(one.at, problem))?,
        })
    }

    fn compared(
        &mut self,
        resource_type: &str,
        path: &[Step],
        one: &Comparison,
        steps: usize,
    ) -> Result<Test, Problem> {
        self.count(steps, "_filter")?;
        let Some((step, rest)) = path.split_first() else {
            return Err(wrong("_filter", "a name is expected"));
        };
        if let Some(reverse) = step.name.strip_prefix("_has:") {
            let mut parts = reverse.splitn(3, ':');
            let (Some(source), Some(code), Some(inner)) = (parts.next(), parts.next(), parts.next()) else {
                return Err(wrong(&step.name, "`_has:Type:reference:parameter` is expected"));
            };
            let parameter = self.referring(resource_type, &step.name, source, code)?;
            let inner = Step { name: inner.into(), within: step.within.clone() };
            let path: Vec<Step> = std::iter::once(inner).chain(rest.iter().cloned()).collect();
            let test = Box::new(self.compared(source, &path, one, steps + 1)?);
            return Ok(Test::Has { resource_type: source.into(), parameter, test });
        }
        if rest.is_empty() {
            return self.leaf(resource_type, &step.name, one.operator, &one.value);
        }
        self.follow(resource_type, &step.name, &mut |reader, target| {
            let test = reader.compared(target, rest, one, steps + 1)?;
            match &step.within {
                Some(within) => Ok(Test::All(vec![reader.filter(target, within, steps + 1)?, test])),
                None => Ok(test),
            }
        })
    }

    /// A comparison with a parameter of the type itself.
    fn leaf(&self, resource_type: &str, name: &str, operator: Operator, text: &str) -> Result<Test, Problem> {
        let (code, target) = name.split_once(':').map_or((name, None), |(code, target)| (code, Some(target)));
        let code = if code == "id" { "_id" } else { code };
        if operator == Operator::Equal
            && let Some(test) = self.special(resource_type, code, text)?
        {
            return Ok(test);
        }
        let parameter = self.find(resource_type, code)?;
        if let Some(target) = target {
            if parameter.kind != Kind::Reference || !definitions::is_resource(target) {
                return Err(wrong(name, "only a type of target may follow the name of a reference"));
            }
            check_target(&parameter, name, target)?;
        }
        let own = |modifier: Option<Modifier>, value: QueryValue| Test::Own {
            parameter: parameter.clone(),
            modifier,
            values: vec![value],
        };
        let read = |modifier: Option<Modifier>, text: &str| {
            value(&parameter, modifier, target, text)
                .map(|value| own(modifier, value))
                .map_err(|expected| wrong(name, expected))
        };
        let present = |present: bool| own(Some(Modifier::Missing), QueryValue::Missing(!present));
        if operator == Operator::Present {
            return match text {
                "true" => Ok(present(true)),
                "false" => Ok(present(false)),
                _ => Err(wrong(name, "`pr` takes `true` or `false`")),
            };
        }
        match parameter.kind {
            Kind::String => {
                let test = text_test(operator).ok_or_else(|| unfit(name, &parameter, operator))?;
                Ok(own(Some(Modifier::Compare(test)), QueryValue::String(text.into())))
            }
            Kind::Number | Kind::Date | Kind::Quantity => {
                let escaped = escape_list(text, parameter.kind == Kind::Quantity);
                match prefix(operator, parameter.kind).ok_or_else(|| unfit(name, &parameter, operator))? {
                    Compared::Prefix(prefix) => read(None, &format!("{prefix}{escaped}")),
                    Compared::Span(how) => match value(&parameter, None, None, &escaped) {
                        Ok(QueryValue::Date { low_ms, high_ms, .. }) => {
                            Ok(own(None, QueryValue::Date { prefix: how, low_ms, high_ms }))
                        }
                        Ok(_) => Err(unfit(name, &parameter, operator)),
                        Err(expected) => Err(wrong(name, expected)),
                    },
                }
            }
            Kind::Token | Kind::Uri | Kind::Reference | Kind::Composite => {
                let text = match parameter.kind {
                    Kind::Token => escape_list(&spelled(text), true),
                    Kind::Composite => text.replace(',', "\\,"),
                    _ => escape_list(text, parameter.kind == Kind::Reference),
                };
                if parameter.kind == Kind::Token
                    && let Some(modifier) = concepts(operator)
                {
                    return read(Some(modifier), &text);
                }
                let equal = match (operator, parameter.kind) {
                    (Operator::References, Kind::Reference) | (Operator::Equal | Operator::NotEqual, _) => {
                        read(None, &text)?
                    }
                    _ => return Err(unfit(name, &parameter, operator)),
                };
                Ok(match operator {
                    Operator::NotEqual => Test::All(vec![present(true), Test::Not(Box::new(equal))]),
                    _ => equal,
                })
            }
            Kind::Special => Err(unfit(name, &parameter, operator)),
        }
    }
}

/// Puts the place of a filter before what is wrong there.
fn placed(at: usize, problem: Problem) -> Problem {
    Problem { text: format!("`_filter`, at character {at}: {}", problem.text), ..problem }
}

fn unfit(name: &str, parameter: &Parameter, operator: Operator) -> Problem {
    let (kind, operator) = (parameter.kind.code(), operator.code());
    unsupported(format!("`{}`: `{operator}` is not offered for a {kind} parameter", shown(name)))
}

/// `loinc|1234-5` with the system's URI.
fn spelled(text: &str) -> String {
    let known = text.split_once('|').and_then(|(system, code)| {
        SYSTEMS.iter().find(|(short, _)| *short == system).map(|(_, uri)| format!("{uri}|{code}"))
    });
    known.unwrap_or_else(|| text.to_owned())
}

/// A value of a filter means one value: what would part it in a query string is escaped.
fn escape_list(text: &str, keeps_bars: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, ',' | '$' | '\\') || (char == '|' && !keeps_bars) {
            out.push('\\');
        }
        out.push(char);
    }
    out
}

fn text_test(operator: Operator) -> Option<TextTest> {
    Some(match operator {
        Operator::Equal => TextTest::Equal,
        Operator::NotEqual => TextTest::NotEqual,
        Operator::Contains => TextTest::Contains,
        Operator::StartsWith => TextTest::StartsWith,
        Operator::EndsWith => TextTest::EndsWith,
        Operator::Greater => TextTest::Greater,
        Operator::Less => TextTest::Less,
        Operator::GreaterOrEqual => TextTest::GreaterOrEqual,
        Operator::LessOrEqual => TextTest::LessOrEqual,
        _ => return None,
    })
}

/// The modifier that asks the same of codes: what a value subsumes lies below it.
fn concepts(operator: Operator) -> Option<Modifier> {
    Some(match operator {
        Operator::Subsumes => Modifier::Below,
        Operator::SubsumedBy => Modifier::Above,
        Operator::In => Modifier::In,
        Operator::NotIn => Modifier::NotIn,
        _ => return None,
    })
}

enum Compared {
    /// As the value with this prefix in a query string.
    Prefix(&'static str),
    /// The spans of time themselves are compared.
    Span(Prefix),
}

fn prefix(operator: Operator, kind: Kind) -> Option<Compared> {
    Some(match operator {
        Operator::Overlaps if kind == Kind::Date => Compared::Span(Prefix::Overlaps),
        Operator::Contains if kind == Kind::Date => Compared::Span(Prefix::Covers),
        Operator::Equal
        | Operator::NotEqual
        | Operator::Greater
        | Operator::Less
        | Operator::GreaterOrEqual
        | Operator::LessOrEqual
        | Operator::Approximate
        | Operator::StartsAfter
        | Operator::EndsBefore => Compared::Prefix(operator.code()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::Registry;
    use super::super::{Limits, Query, parse};
    use super::*;

    fn read(resource_type: &str, name: &str, text: &str) -> Result<Query, String> {
        let pairs = [(name.to_owned(), text.to_owned())];
        parse(Registry::base(), resource_type, &pairs, false, &Limits::default())
            .map_err(|issues| issues.into_iter().map(|issue| issue.details).collect::<Vec<_>>().join("; "))
    }

    fn refused(resource_type: &str, name: &str, text: &str, part: &str) {
        let error = read(resource_type, name, text).unwrap_err();
        assert!(error.contains(part), "{resource_type}?{name}={text}: {error}");
    }

    #[test]
    fn filters_of_the_standard_become_tests() {
        for (resource_type, filter) in [
            ("Patient", r#"name co "pet""#),
            ("Patient", r#"given eq "peter" and birthdate ge 2014-10-10"#),
            ("Observation", "code eq http://loinc.org|1234-5"),
            ("Observation", "code eq loinc|1234-5 or not (code eq snomed|1)"),
            ("Observation", r#"subject.name co "pet""#),
            ("Observation", r#"subject:Patient[active eq true and gender ne male].name sw "pet""#),
            ("Observation", "subject.id eq 3425 and code-value-quantity eq loinc|12907-2$ge150"),
            ("Patient", "_has:Observation:patient:code eq http://loinc.org|1234-5"),
            (
                "Observation",
                "date po 2020 and date co 2020-01-01 and value-quantity gt 5.4|http://unitsofmeasure.org|mg",
            ),
            ("Observation", "subject re Patient/1 or subject pr false"),
            ("Patient", "name ew a and name gt b and name le c and name ne d and _content eq x"),
            ("Observation", "code in http://a.example/vs or code ni ValueSet/1"),
            ("Observation", "code ss http://a.example|x and not (code sb snomed|1)"),
            ("Questionnaire", "url eq http://a.example|1 and title pr true"),
        ] {
            let query = read(resource_type, "_filter", filter);
            assert!(query.is_ok(), "{filter}: {query:?}");
        }
        let query = read("Observation", "_filter", "code eq loinc|1,2").unwrap();
        let Test::Own { values, .. } = &query.criteria[0].test else { panic!("{query:?}") };
        assert!(matches!(values.as_slice(), [QueryValue::Token { code: Some(code), .. }] if code == "1,2"));
    }

    #[test]
    fn what_a_filter_cannot_ask_is_refused_with_its_place() {
        for (filter, part) in [
            ("name", "at character 5"),
            ("birthdate ge x", "at character 1: `birthdate`"),
            (
                "active eq true and birthday eq 1",
                "at character 20: Patient has no search parameter `birthday`; near it: `birthdate`",
            ),
            ("active gt true", "`gt` is not offered for a token"),
            ("active pr maybe", "`true` or `false`"),
            ("name.family eq x", "only a reference"),
            ("name ap x", "`ap` is not offered for a string"),
        ] {
            refused("Patient", "_filter", filter, part);
        }
        let far = format!("general-practitioner:Organization.{}name eq x", "partof.".repeat(8));
        refused("Patient", "_filter", &far, "may follow");
    }

    #[test]
    fn words_lists_and_places_are_read() {
        assert!(matches!(
            read("Condition", "_text", "(bone OR liver) and metastases").unwrap().criteria[0].test,
            Test::Words { narrative: true, .. }
        ));
        assert!(matches!(&read("Condition", "_list", "a,List/b").unwrap().criteria[0].test,
            Test::Listed(ids) if ids == &["a", "b"]));
        assert!(matches!(&read("Location", "near", "42.2565|-83.69|11.2|km,1|2").unwrap().criteria[0].test,
            Test::Near { places, .. } if places.len() == 2));
        assert!(matches!(
            &read("Observation", "subject:Location.near", "1|2").unwrap().criteria[0].test,
            Test::Chain { .. }
        ));
        refused("Condition", "_list", "$current-allergies", "`$current-allergies` is not offered");
        refused("Condition", "_list", "a b", "id of a List");
        refused("Condition", "_text", "(", "expected");
        refused("Location", "near", "91|0", "latitude");
        refused("Condition", "near", "1|2", "no search parameter `near`");
        refused("Condition", "_query", "x", "not offered");
    }
}
