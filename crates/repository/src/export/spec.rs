//! What an export was asked for and when, and how far it is, as they stand in its job: JSON.

use fhir::json::{self, Value};
use fhir::json_object;

use super::{ExportLevel, ExportOptions};
use crate::layout;

/// What is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) options: ExportOptions,
    /// The types, by code, in the order in which they are exported.
    pub(crate) types: Vec<u16>,
    /// The number of the first record that the export does not see.
    pub(crate) cut: u64,
    /// The time of the newest record that it sees.
    pub(crate) time_ms: i64,
}

/// How far an export is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Types done.
    pub(crate) types: usize,
    /// Which part of the next type.
    pub(crate) part: Part,
    /// Where in that part: a place as the part understands it, to go on behind.
    pub(crate) place: Option<(u64, u64)>,
    /// Lines written so far.
    pub(crate) lines: u64,
}

/// The parts of a type's export, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// What has not changed since the cut.
    #[default]
    Standing,
    /// What has, as it stood at the cut.
    Changed,
    /// What was deleted.
    Deleted,
}

impl Part {
    pub(crate) const ALL: [Self; 3] = [Self::Standing, Self::Changed, Self::Deleted];

    fn code(self) -> &'static str {
        match self {
            Self::Standing => "standing",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
        }
    }
}

impl Spec {
    pub(crate) fn to_json(&self) -> Value {
        let options = &self.options;
        let (level, group) = match &options.level {
            ExportLevel::System => ("system", Value::Null),
            ExportLevel::Patients => ("patients", Value::Null),
            ExportLevel::Group(id) => ("group", Value::from(id.as_str())),
        };
        let texts = |list: &[String]| json::array(list.iter().map(String::as_str));
        let optional = |ms: Option<i64>| ms.map_or(Value::Null, Value::from);
        let filters =
            options.filters.iter().map(|(name, query)| json::array([name.as_str(), query.as_str()]));
        let elements = options.elements.iter().map(|(name, element)| {
            let name = name.as_deref().map_or(Value::Null, Value::from);
            json::array([name, Value::from(element.as_str())])
        });
        let types = self.types.iter().filter_map(|code| layout::type_name(*code));
        json_object! {
            "level": level, "group": group, "types": texts(&options.types), "since": optional(options.since_ms),
            "until": optional(options.until_ms), "filters": json::array(filters), "elements": json::array(elements),
            "patients": texts(&options.patients), "exported": json::array(types), "cut": self.cut, "time": self.time_ms,
        }
    }

    pub(crate) fn read(value: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let list = |name: &str| value.get(name).map(Value::elements).unwrap_or_default();
        let texts = |name: &str| list(name).iter().map(text).collect::<Option<Vec<String>>>();
        let pair = |value: &Value| Some((value.at(0)?.as_str().map(str::to_owned), text(value.at(1)?)?));
        let pairs = |name: &str| list(name).iter().map(pair).collect::<Option<Vec<_>>>();
        let level = match value.get("level")?.as_str()? {
            "system" => ExportLevel::System,
            "patients" => ExportLevel::Patients,
            "group" => ExportLevel::Group(text(value.get("group")?)?),
            _ => return None,
        };
        let filters = pairs("filters")?.into_iter().map(|(name, query)| Some((name?, query)));
        let options = ExportOptions {
            level,
            types: texts("types")?,
            since_ms: value.get("since").and_then(Value::as_i64),
            until_ms: value.get("until").and_then(Value::as_i64),
            filters: filters.collect::<Option<_>>()?,
            elements: pairs("elements")?,
            patients: texts("patients")?,
        };
        Some(Self {
            options,
            types: texts("exported")?.iter().map(|name| layout::type_code(name)).collect::<Option<_>>()?,
            cut: u64::try_from(value.get("cut")?.as_i64()?).ok()?,
            time_ms: value.get("time")?.as_i64()?,
        })
    }
}

impl Position {
    pub(crate) fn to_json(self) -> Value {
        // As texts: resource numbers may be larger than what fits an `i64`.
        let place = self
            .place
            .map_or(Value::Null, |(first, second)| json::array([first.to_string(), second.to_string()]));
        json_object! { "types": self.types, "part": self.part.code(), "place": place, "lines": self.lines }
    }

    /// A checkpoint; `null` is the beginning.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        if value.is_null() {
            return Some(Self::default());
        }
        let number = |name: &str| u64::try_from(value.get(name)?.as_i64()?).ok();
        let part = value.get("part")?.as_str()?;
        let place = match value.get("place")? {
            Value::Null => None,
            place => {
                let number = |at: usize| place.at(at)?.as_str()?.parse().ok();
                Some((number(0)?, number(1)?))
            }
        };
        Some(Self {
            types: usize::try_from(number("types")?).ok()?,
            part: Part::ALL.into_iter().find(|known| known.code() == part)?,
            place,
            lines: number("lines")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_job_holds_of_an_export_reads_as_it_was_written() {
        let options = ExportOptions {
            level: ExportLevel::Group("g".to_owned()),
            types: vec!["Patient".to_owned()],
            since_ms: Some(-1),
            until_ms: None,
            filters: vec![("Patient".to_owned(), "gender=male".to_owned())],
            elements: vec![(None, "id".to_owned()), (Some("Patient".to_owned()), "name".to_owned())],
            patients: vec!["a".to_owned(), "b".to_owned()],
        };
        let mut spec = Spec { options, types: vec![layout::PATIENT_CODE, 97], cut: 7, time_ms: 9 };
        assert_eq!(Spec::read(&spec.to_json()), Some(spec.clone()));
        spec.options = ExportOptions::default();
        assert_eq!(Spec::read(&spec.to_json()), Some(spec));
        for part in Part::ALL {
            let position = Position { types: 3, part, place: Some((u64::MAX, 1)), lines: 5 };
            assert_eq!(Position::read(&position.to_json()), Some(position));
        }
        assert_eq!(Position::read(&Value::Null), Some(Position::default()));
    }
}
