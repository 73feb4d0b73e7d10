//! Random resources and random questions about them. All values are made up here; few different ones, so that they meet.

use fhir::json::{Limits, Value, parse};

/// SplitMix64: small, and the same everywhere.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

pub(super) const FAMILIES: &[&str] = &[
    "Müller",
    "MULLER",
    "mueller",
    "O'Neil",
    "Ångström",
    "Smith",
    "Smithson",
    "de  la Cruz",
    "Łukasz",
    "李",
    "Straße",
];
const GIVEN: &[&str] = &["Ana", "ana", "Ána", "Bo", "Smith", "Zoë"];
const SYSTEMS: &[&str] = &["http://a.example", "http://b.example"];
const CODES: &[&str] = &["x1", "X1", "y2", "z3"];
const DATES: &[&str] = &[
    "1949",
    "1950-02",
    "1950-02-11",
    "1999-12-31",
    "2000-02-29",
    "2020",
    "2020-05",
    "2020-05-05",
    "2020-05-05T10:00:00Z",
    "2020-05-05T10:00:00.500Z",
    "2020-05-05T12:00:00+02:00",
    "2020-05-06T00:30:00-05:00",
    "2021-01-01T00:00:00Z",
    "0001-01-01",
    "9999-12-31",
];
const BIRTHDAYS: &[&str] = &["1949", "1950-02", "1950-02-11", "1999-12-31", "2000-02-29", "2020-05-05"];
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "-0.5",
    "5",
    "5.0",
    "5.4",
    "5.40",
    "5.39",
    "100",
    "99.5",
    "1e2",
    "0.1",
    "0.10000000000000000001",
    "0.09999999999999999999",
    "12345678901234567890.123",
    "-12345678901234567890.123",
];
const PROBABILITIES: &[&str] = &["0", "0.1", "0.10000000000000000001", "0.5", "0.50", "1"];
const UNITS: &[&str] = &[
    r#","unit":"g","system":"http://unitsofmeasure.org","code":"g""#,
    r#","unit":"mg","system":"http://unitsofmeasure.org","code":"mg""#,
    r#","unit":"milligram","system":"http://unitsofmeasure.org","code":"mg""#,
    r#","unit":"Mg","system":"http://unitsofmeasure.org","code":"Mg""#,
    r#","unit":"mg""#,
    "",
];
/// Words beside codes, identifiers and references.
const WORDS: &[&str] =
    &["Blood pressure", "blood PRESSURE (high)", "Systolic", "Höhe", "A bloody nose", "pre-blood"];
const COMPARATORS: &[&str] = &["<", "<=", ">=", ">"];
const URLS: &[&str] =
    &["http://q.example/x1", "http://q.example/x1/y2", "http://q.example/x1/y2/z", "http://q.example/x10"];
pub(super) const TYPES: &[&str] = &[
    "Patient",
    "Observation",
    "Encounter",
    "Condition",
    "RiskAssessment",
    "Questionnaire",
    "Practitioner",
    "Organization",
    "DocumentReference",
    "MolecularSequence",
];

/// Types that are often contained in others.
pub(super) const CONTAINED: &[&str] = &["Observation", "Observation", "Patient", "Organization"];

/// How many ids each type has.
const IDS: usize = 12;

pub(super) fn id(dice: &mut Dice, kind: &str) -> String {
    let short: String = kind.chars().take(3).collect::<String>().to_lowercase();
    format!("{short}-{}", dice.below(IDS))
}

/// Gathers the members of a resource.
struct Draft(Vec<String>);

impl Draft {
    fn add(&mut self, dice: &mut Dice, percent: usize, member: impl FnOnce(&mut Dice) -> String) {
        if dice.chance(percent) {
            let member = member(dice);
            self.0.push(member);
        }
    }
}

fn list(dice: &mut Dice, most: usize, mut one: impl FnMut(&mut Dice) -> String) -> String {
    let count = 1 + dice.below(most);
    (0..count).map(|_| one(dice)).collect::<Vec<_>>().join(",")
}

fn coding(dice: &mut Dice) -> String {
    let code = dice.pick(CODES);
    let display =
        if dice.chance(50) { format!(r#","display":"{}""#, dice.pick(WORDS)) } else { String::new() };
    match dice.below(3) {
        0 => format!(r#"{{"code":"{code}"{display}}}"#),
        _ => format!(r#"{{"system":"{}","code":"{code}"{display}}}"#, dice.pick(SYSTEMS)),
    }
}

fn concept(dice: &mut Dice) -> String {
    if dice.chance(10) {
        return format!(r#"{{"text":"{}"}}"#, dice.pick(WORDS));
    }
    let text = if dice.chance(50) { format!(r#","text":"{}""#, dice.pick(WORDS)) } else { String::new() };
    format!(r#"{{"coding":[{}]{text}}}"#, list(dice, 2, coding))
}

fn identifier(dice: &mut Dice) -> String {
    let value = dice.pick(CODES);
    let kind = match dice.below(4) {
        0 => format!(r#","type":{{"text":"{}"}}"#, dice.pick(WORDS)),
        1 => format!(r#","type":{}"#, concept(dice)),
        _ => String::new(),
    };
    match dice.below(3) {
        0 => format!(r#"{{"value":"{value}"{kind}}}"#),
        _ => format!(r#"{{"system":"{}","value":"{value}"{kind}}}"#, dice.pick(SYSTEMS)),
    }
}

fn quantity(dice: &mut Dice) -> String {
    let comparator = if dice.chance(15) {
        format!(r#","comparator":"{}""#, dice.pick(COMPARATORS))
    } else {
        String::new()
    };
    format!(r#"{{"value":{}{}{comparator}}}"#, dice.pick(NUMBERS), dice.pick(UNITS))
}

/// A range with one or both of its ends, which may be the wrong way round.
fn range(dice: &mut Dice) -> String {
    let unit = dice.pick(UNITS);
    let (low, high) = (dice.pick(NUMBERS), dice.pick(NUMBERS));
    match dice.below(4) {
        0 => format!(r#"{{"low":{{"value":{low}{unit}}}}}"#),
        1 => format!(r#"{{"high":{{"value":{high}{unit}}}}}"#),
        _ => format!(r#"{{"low":{{"value":{low}{unit}}},"high":{{"value":{high}{unit}}}}}"#),
    }
}

/// `value[x]` of an Observation or its component.
fn observed(dice: &mut Dice) -> String {
    match dice.below(8) {
        0 | 1 => format!(r#""valueCodeableConcept":{}"#, concept(dice)),
        2 => format!(r#""valueString":"{}""#, dice.pick(FAMILIES)),
        3 => {
            let origin = format!(r#"{{"value":{}{}}}"#, dice.pick(NUMBERS), dice.pick(UNITS));
            let data = (0..3).map(|_| dice.pick(&["1", "-2", "0.5", "E"])).collect::<Vec<_>>().join(" ");
            format!(
                r#""valueSampledData":{{"origin":{origin},"period":1,"factor":2,"dimensions":1,"data":"{data}"}}"#
            )
        }
        _ => format!(r#""valueQuantity":{}"#, quantity(dice)),
    }
}

fn name(dice: &mut Dice) -> String {
    let given = list(dice, 2, |dice| format!(r#""{}""#, dice.pick(GIVEN)));
    match dice.below(4) {
        0 => format!(r#"{{"text":"{}"}}"#, dice.pick(FAMILIES)),
        1 => format!(r#"{{"given":[{given}]}}"#),
        _ => format!(r#"{{"family":"{}","given":[{given}]}}"#, dice.pick(FAMILIES)),
    }
}

fn reference(dice: &mut Dice, target: &str) -> String {
    let id = id(dice, target);
    let display =
        if dice.chance(30) { format!(r#","display":"{}""#, dice.pick(WORDS)) } else { String::new() };
    match dice.below(14) {
        12 | 13 => format!(r##"{{"reference":"#{}"{display}}}"##, dice.pick(&["a", "b", "A"])),
        0 => format!(r#"{{"reference":"http://other.example/{target}/{id}"{display}}}"#),
        1 => format!(r#"{{"identifier":{}{display}}}"#, identifier(dice)),
        2 => format!(r#"{{"reference":"{target}/{id}","identifier":{}}}"#, identifier(dice)),
        3 => format!(r#"{{"display":"{}"}}"#, dice.pick(WORDS)),
        _ => format!(r#"{{"reference":"{target}/{id}"{display}}}"#),
    }
}

fn period(dice: &mut Dice) -> String {
    let (a, b) = (dice.pick(DATES), dice.pick(DATES));
    match dice.below(4) {
        0 => format!(r#"{{"start":"{a}"}}"#),
        1 => format!(r#"{{"end":"{a}"}}"#),
        _ => format!(r#"{{"start":"{a}","end":"{b}"}}"#),
    }
}

fn meta(dice: &mut Dice) -> String {
    let mut parts = Draft(Vec::new());
    parts.add(dice, 50, |dice| format!(r#""tag":[{}]"#, list(dice, 2, coding)));
    parts.add(dice, 30, |dice| format!(r#""security":[{}]"#, coding(dice)));
    parts.add(dice, 40, |dice| format!(r#""profile":["http://p.example/{}"]"#, dice.pick(CODES)));
    format!(r#""meta":{{{}}}"#, parts.0.join(","))
}

/// A resource of a random type under a random id of that type.
pub(super) fn resource(dice: &mut Dice) -> Value {
    let kind = dice.pick(TYPES);
    let id = id(dice, kind);
    let mut draft = members(dice, kind, &format!(r#","id":"{id}""#));
    draft.add(dice, 35, |dice| format!(r#""contained":[{}]"#, list(dice, 4, contained)));
    parse(format!("{{{}}}", draft.0.join(",")).as_bytes(), &Limits::default()).unwrap()
}

/// A resource in another; few types, so that some stand there twice.
fn contained(dice: &mut Dice) -> String {
    let kind = if dice.chance(70) { dice.pick(CONTAINED) } else { dice.pick(TYPES) };
    let id = if dice.chance(90) {
        format!(r#","id":"{}""#, dice.pick(&["a", "b", "A", "pat-1"]))
    } else {
        String::new()
    };
    format!("{{{}}}", members(dice, kind, &id).0.join(","))
}

/// An Observation that contains Patients and Observations, with subjects among these.
pub(super) fn with_subjects_inside(dice: &mut Dice) -> Value {
    let id = id(dice, "Observation");
    let subject = |dice: &mut Dice| {
        let inside = format!("#{}", dice.pick(&["a", "b", "o"]));
        let other = format!("Patient/pat-{}", dice.below(IDS));
        format!(r#""subject":{{"reference":"{}"}}"#, if dice.chance(80) { inside } else { other })
    };
    let observed = |dice: &mut Dice, id: &str| {
        let mut all = members(dice, "Observation", id).0;
        all.retain(|member| !member.starts_with(r#""subject""#));
        all.push(subject(dice));
        all
    };
    let mut inside: Vec<String> = Vec::new();
    for (kind, id) in [("Patient", "a"), ("Patient", "b"), ("Observation", "o"), ("Observation", "p")] {
        let id = format!(r#","id":"{id}""#);
        if dice.chance(70) {
            let all = if kind == "Patient" { members(dice, kind, &id).0 } else { observed(dice, &id) };
            inside.push(format!("{{{}}}", all.join(",")));
        }
    }
    let mut all = observed(dice, &format!(r#","id":"{id}""#));
    all.push(format!(r#""contained":[{}]"#, inside.join(",")));
    parse(format!("{{{}}}", all.join(",")).as_bytes(), &Limits::default()).unwrap()
}

/// The members of a resource; `id` is that of its id, if it has one.
fn members(dice: &mut Dice, kind: &str, id: &str) -> Draft {
    let mut draft = Draft(vec![format!(r#""resourceType":"{kind}"{id}"#)]);
    draft.add(dice, 40, meta);
    match kind {
        "Patient" => {
            draft.add(dice, 70, |dice| format!(r#""identifier":[{}]"#, list(dice, 2, identifier)));
            draft.add(dice, 60, |dice| format!(r#""active":{}"#, dice.pick(&["true", "false"])));
            draft.add(dice, 85, |dice| format!(r#""name":[{}]"#, list(dice, 2, name)));
            draft.add(dice, 70, |dice| format!(r#""gender":"{}""#, dice.pick(&["male", "female", "other"])));
            draft.add(dice, 80, |dice| format!(r#""birthDate":"{}""#, dice.pick(BIRTHDAYS)));
            draft.add(dice, 50, |dice| {
                format!(
                    r#""generalPractitioner":[{}]"#,
                    list(dice, 2, |dice| reference(dice, "Practitioner"))
                )
            });
            draft.add(dice, 50, |dice| {
                format!(r#""managingOrganization":{}"#, reference(dice, "Organization"))
            });
        }
        "Observation" => {
            draft.add(dice, 100, |dice| format!(r#""status":"{}""#, dice.pick(&["final", "amended"])));
            draft.add(dice, 95, |dice| format!(r#""code":{}"#, concept(dice)));
            draft.add(dice, 50, |dice| format!(r#""category":[{}]"#, list(dice, 2, concept)));
            draft.add(dice, 85, |dice| format!(r#""subject":{}"#, reference(dice, "Patient")));
            draft.add(dice, 50, |dice| format!(r#""encounter":{}"#, reference(dice, "Encounter")));
            draft.add(dice, 90, |dice| match dice.below(3) {
                0 => format!(r#""effectivePeriod":{}"#, period(dice)),
                _ => format!(r#""effectiveDateTime":"{}""#, dice.pick(DATES)),
            });
            draft.add(dice, 85, observed);
            draft.add(dice, 40, |dice| {
                let one = |dice: &mut Dice| {
                    let value = if dice.chance(85) { format!(",{}", observed(dice)) } else { String::new() };
                    format!(r#"{{"code":{}{value}}}"#, concept(dice))
                };
                format!(r#""component":[{}]"#, list(dice, 3, one))
            });
        }
        "Encounter" => {
            draft.add(dice, 100, |dice| format!(r#""status":"{}""#, dice.pick(&["planned", "finished"])));
            draft.add(dice, 80, |dice| format!(r#""class":{}"#, coding(dice)));
            draft.add(dice, 85, |dice| format!(r#""subject":{}"#, reference(dice, "Patient")));
            draft.add(dice, 85, |dice| format!(r#""period":{}"#, period(dice)));
        }
        "Condition" => {
            draft.add(dice, 80, |dice| format!(r#""code":{}"#, concept(dice)));
            draft.add(dice, 90, |dice| format!(r#""subject":{}"#, reference(dice, "Patient")));
            draft.add(dice, 40, |dice| format!(r#""asserter":{}"#, reference(dice, "Patient")));
            draft.add(dice, 80, |dice| match dice.below(4) {
                0 => format!(r#""onsetPeriod":{}"#, period(dice)),
                1 => format!(r#""onsetAge":{}"#, quantity(dice)),
                2 => format!(r#""onsetRange":{}"#, range(dice)),
                _ => format!(r#""onsetDateTime":"{}""#, dice.pick(DATES)),
            });
        }
        "RiskAssessment" => {
            draft.add(dice, 90, |dice| format!(r#""subject":{}"#, reference(dice, "Patient")));
            draft.add(dice, 90, |dice| {
                let one =
                    |dice: &mut Dice| format!(r#"{{"probabilityDecimal":{}}}"#, dice.pick(PROBABILITIES));
                format!(r#""prediction":[{}]"#, list(dice, 3, one))
            });
        }
        "Questionnaire" => {
            draft.add(dice, 80, |dice| format!(r#""url":"{}""#, dice.pick(URLS)));
            draft.add(dice, 60, |dice| format!(r#""title":"{}""#, dice.pick(FAMILIES)));
            draft.add(dice, 60, |dice| format!(r#""date":"{}""#, dice.pick(DATES)));
        }
        "Practitioner" => {
            draft.add(dice, 85, |dice| format!(r#""name":[{}]"#, list(dice, 2, name)));
            draft.add(dice, 60, |dice| format!(r#""identifier":[{}]"#, list(dice, 2, identifier)));
        }
        "DocumentReference" => {
            let one = |dice: &mut Dice| {
                let code = dice.pick(&["replaces", "transforms", "signs"]);
                format!(r#"{{"code":"{code}","target":{}}}"#, reference(dice, "DocumentReference"))
            };
            draft.add(dice, 85, |dice| format!(r#""relatesTo":[{}]"#, list(dice, 3, one)));
        }
        "MolecularSequence" => {
            draft.add(dice, 80, |dice| format!(r#""referenceSeq":{{"chromosome":{}}}"#, concept(dice)));
            let one = |dice: &mut Dice| {
                let (start, end) = (dice.pick(&["1", "5", "12"]), dice.pick(&["5", "12", "100"]));
                format!(r#"{{"start":{start},"end":{end}}}"#)
            };
            draft.add(dice, 80, |dice| format!(r#""variant":[{}]"#, list(dice, 3, one)));
        }
        _ => {
            draft.add(dice, 85, |dice| format!(r#""name":"{}""#, dice.pick(FAMILIES)));
            draft.add(dice, 40, |dice| format!(r#""partOf":{}"#, reference(dice, "Organization")));
        }
    }
    draft
}

/// Type, parameter, kind; `kind` for references names the target.
pub(super) const PARAMETERS: &[(&str, &str, &str)] = &[
    ("Patient", "name", "string"),
    ("Patient", "family", "string"),
    ("Patient", "given", "string"),
    ("Patient", "birthdate", "date"),
    ("Patient", "identifier", "token"),
    ("Patient", "gender", "gender"),
    ("Patient", "active", "flag"),
    ("Patient", "general-practitioner", "Practitioner"),
    ("Patient", "organization", "Organization"),
    ("Observation", "code", "token"),
    ("Observation", "category", "token"),
    ("Observation", "status", "status"),
    ("Observation", "date", "date"),
    ("Observation", "subject", "Patient"),
    ("Observation", "patient", "Patient"),
    ("Observation", "encounter", "Encounter"),
    ("Observation", "value-quantity", "quantity"),
    ("Observation", "code-value-quantity", "token$quantity"),
    ("Observation", "code-value-concept", "token$token"),
    ("Observation", "code-value-string", "token$string"),
    ("Observation", "component-code-value-quantity", "token$quantity"),
    ("Observation", "component-code-value-concept", "token$token"),
    ("Observation", "combo-code-value-quantity", "token$quantity"),
    ("Observation", "combo-code", "token"),
    ("Observation", "value-string", "string"),
    ("Observation", "value-concept", "token"),
    ("Encounter", "class", "token"),
    ("Encounter", "date", "date"),
    ("Encounter", "subject", "Patient"),
    ("Condition", "code", "token"),
    ("Condition", "subject", "Patient"),
    ("Condition", "asserter", "Patient"),
    ("Condition", "onset-date", "date"),
    ("Condition", "onset-age", "quantity"),
    ("RiskAssessment", "probability", "number"),
    ("RiskAssessment", "subject", "Patient"),
    ("Questionnaire", "url", "uri"),
    ("Questionnaire", "title", "string"),
    ("Questionnaire", "date", "date"),
    ("Practitioner", "name", "string"),
    ("Practitioner", "identifier", "token"),
    ("Organization", "name", "string"),
    ("Organization", "partof", "Organization"),
    ("DocumentReference", "relation", "relation"),
    ("DocumentReference", "relationship", "relation$DocumentReference"),
    ("MolecularSequence", "variant-start", "position"),
    ("MolecularSequence", "chromosome-variant-coordinate", "token$position$position"),
];

/// Parameters that every type has.
pub(super) const COMMON: &[(&str, &str)] = &[
    ("_id", "id"),
    ("_lastUpdated", "date"),
    ("_tag", "token"),
    ("_security", "token"),
    ("_profile", "profile"),
];

/// One criterion: parameter, modifier and values, and where a chain or `_has` leads.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    Own { parameter: String, kind: String, modifier: Option<String>, values: Vec<String> },
    Chain { parameter: String, target: String, then: Box<Ask> },
    Has { source: String, parameter: String, then: Box<Ask> },
}

pub(super) fn parameters(kind: &str) -> Vec<(String, String)> {
    let own = PARAMETERS.iter().filter(|(owner, ..)| *owner == kind).map(|(_, code, of)| (*code, *of));
    own.chain(COMMON.iter().copied()).map(|(code, of)| (code.to_owned(), of.to_owned())).collect()
}

/// A random criterion on a type; `deep` allows chains, now and then through several references.
pub(super) fn ask(dice: &mut Dice, kind: &str, deep: bool) -> Ask {
    let further = deep && dice.chance(40);
    let all = parameters(kind);
    let (parameter, of) = all[dice.below(all.len())].clone();
    let target = TYPES.iter().find(|name| **name == of);
    if deep && dice.chance(35) {
        if let Some(target) = target.filter(|target| **target != "DocumentReference") {
            let then = Box::new(ask(dice, target, further));
            return Ask::Chain { parameter, target: (*target).to_owned(), then };
        }
        let sources: Vec<_> = PARAMETERS.iter().filter(|(.., of)| *of == kind).collect();
        if !sources.is_empty() {
            let (source, parameter, _) = sources[dice.below(sources.len())];
            let then = Box::new(ask(dice, source, further));
            return Ask::Has { source: (*source).to_owned(), parameter: (*parameter).to_owned(), then };
        }
    }
    if dice.chance(12) {
        let value = dice.pick(&["true", "false"]).to_owned();
        return Ask::Own { parameter, kind: of, modifier: Some("missing".into()), values: vec![value] };
    }
    let one_of = |dice: &mut Dice, modifiers: &[&'static str]| {
        if dice.chance(45) { None } else { Some(modifiers[dice.below(modifiers.len())]) }
    };
    let modifier = match of.as_str() {
        "string" => one_of(dice, &["exact", "contains"]),
        "token" if parameter == "identifier" => one_of(dice, &["not", "text", "of-type"]),
        "token" => one_of(dice, &["not", "text", "code-text", "in", "not-in", "above", "below"]),
        "gender" => one_of(dice, &["not", "code-text", "in", "not-in"]),
        "flag" | "status" | "relation" => one_of(dice, &["not", "code-text"]),
        "uri" => one_of(dice, &["above", "below"]),
        "Organization" => one_of(dice, &["identifier", "text", "above", "below"]),
        _ if target.is_some() => one_of(dice, &["identifier", "text"]),
        _ => None,
    };
    let count = [1, 1, 1, 2, 3][dice.below(5)];
    let values = (0..count).map(|_| value(dice, &of, modifier)).collect();
    Ask::Own { parameter, kind: of, modifier: modifier.map(str::to_owned), values }
}

fn token(dice: &mut Dice) -> String {
    let (system, code) = (dice.pick(SYSTEMS), dice.pick(CODES));
    match dice.below(5) {
        0 => format!("{system}|"),
        1 => format!("|{code}"),
        2 => code.to_owned(),
        _ => format!("{system}|{code}"),
    }
}

/// The beginning of a word of some text, or of all of it.
fn words(dice: &mut Dice) -> String {
    let text = dice.pick(WORDS);
    let words: Vec<&str> = text.split(' ').collect();
    let from = dice.below(words.len());
    let text: Vec<char> = words[from..].join(" ").chars().collect();
    text[..1 + dice.below(text.len())].iter().collect::<String>().trim().to_owned()
}

fn value(dice: &mut Dice, kind: &str, modifier: Option<&str>) -> String {
    const PREFIXES: &[&str] = &["", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"];
    if kind.contains('$') {
        return kind.split('$').map(|kind| value(dice, kind, None)).collect::<Vec<_>>().join("$");
    }
    match modifier {
        Some("text") => return words(dice),
        Some("code-text") => return dice.pick(&["x", "X1", "y", "fi", "mal", "t", "é"]).to_owned(),
        Some("of-type") => {
            return format!(
                "{}|{}|{}",
                dice.pick(&["http://a.example", "http://b.example", ""]),
                dice.pick(CODES),
                dice.pick(CODES)
            );
        }
        Some("in" | "not-in") => {
            return dice
                .pick(&[
                    "http://v.example/small",
                    "http://v.example/all-b",
                    "http://hl7.org/fhir/ValueSet/administrative-gender",
                ])
                .to_owned();
        }
        Some("above" | "below") if kind == "token" => {
            return format!("http://a.example|{}", dice.pick(&["x1", "y2", "z3"]));
        }
        Some("above" | "below") if kind == "uri" => {
            return dice
                .pick(&[
                    "http://q.example",
                    "http://q.example/x1",
                    "http://q.example/x1/",
                    "http://q.example/x1/y2/z/w",
                    "urn:x",
                ])
                .to_owned();
        }
        Some("above" | "below") => {
            let id = id(dice, kind);
            return if dice.chance(50) { id } else { format!("{kind}/{id}") };
        }
        _ => {}
    }
    match kind {
        "string" => {
            let text: Vec<char> =
                if dice.chance(70) { dice.pick(FAMILIES) } else { dice.pick(GIVEN) }.chars().collect();
            let (from, to) = match modifier {
                Some("exact") => (0, text.len()),
                Some("contains") => (dice.below(text.len()), text.len()),
                _ => (0, 1 + dice.below(text.len())),
            };
            let text: String = text[from..to].iter().collect();
            if text.trim().is_empty() { "a".to_owned() } else { text }
        }
        "token" => token(dice),
        "gender" => dice
            .pick(&[
                "male",
                "FEMALE",
                "other",
                "unknown",
                "|male",
                "http://hl7.org/fhir/administrative-gender|female",
                "http://hl7.org/fhir/administrative-gender|",
                "http://a.example|male",
            ])
            .to_owned(),
        "flag" => dice.pick(&["true", "false"]).to_owned(),
        "status" => dice.pick(&["final", "amended", "planned", "finished"]).to_owned(),
        "date" => format!("{}{}", dice.pick(PREFIXES), dice.pick(DATES)),
        "relation" => dice
            .pick(&["replaces", "signs", "http://hl7.org/fhir/document-relationship-type|transforms"])
            .to_owned(),
        "position" => format!("{}{}", dice.pick(PREFIXES), dice.pick(&["1", "5", "12", "100"])),
        "number" => format!("{}{}", dice.pick(PREFIXES), dice.pick(PROBABILITIES)),
        "quantity" => {
            let unit = dice.pick(&[
                "",
                "",
                "|http://unitsofmeasure.org|mg",
                "|http://unitsofmeasure.org|g",
                "||mg",
                "||milligram",
                "||Mg",
            ]);
            format!("{}{}{unit}", dice.pick(PREFIXES), dice.pick(NUMBERS))
        }
        "uri" => dice.pick(URLS).to_owned(),
        "profile" => format!("http://p.example/{}", dice.pick(CODES)),
        "id" => {
            let kind = dice.pick(TYPES);
            id(dice, kind)
        }
        target if modifier == Some("identifier") => {
            let _ = target;
            token(dice)
        }
        target => {
            let id = id(dice, target);
            match dice.below(4) {
                0 => id,
                1 => format!("http://other.example/{target}/{id}"),
                2 => format!("https://ward.example/fhir/{target}/{id}"),
                _ => format!("{target}/{id}"),
            }
        }
    }
}

impl Ask {
    /// The criterion as it is written in a request.
    pub(super) fn pair(&self) -> (String, String) {
        match self {
            Self::Own { parameter, modifier, values, .. } => {
                let name = match modifier {
                    Some(modifier) => format!("{parameter}:{modifier}"),
                    None => parameter.clone(),
                };
                (name, values.join(","))
            }
            Self::Chain { parameter, target, then, .. } => {
                let (name, value) = then.pair();
                (format!("{parameter}:{target}.{name}"), value)
            }
            Self::Has { source, parameter, then } => {
                let (name, value) = then.pair();
                (format!("_has:{source}:{parameter}:{name}"), value)
            }
        }
    }
}
