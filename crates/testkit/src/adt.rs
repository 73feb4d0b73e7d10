//! The hospital's own feed: admissions, transfers, updates, discharges, cancels, merges.

use crate::moment::Moment;
use crate::names;
use crate::person::Person;
use crate::random::Random;
use crate::segments::{Header, Segment, escaped, message, mrn, patient};

/// One stay or visit.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// PV1-19 without its authority.
    pub(crate) number: String,
    /// PV1-2, table 0004.
    pub(crate) class: char,
    pub(crate) location: String,
    /// Where the patient was before a transfer.
    pub(crate) prior: String,
    pub(crate) attending: usize,
    pub(crate) diagnosis: usize,
    pub(crate) admitted: Moment,
    pub(crate) discharged: Option<Moment>,
}

/// Number, family name, given name.
const PHYSICIANS: &[(&str, &str, &str)] = &[
    ("9001", "Doranfer", "Pelra"),
    ("9002", "Ostlund", "Garen"),
    ("9003", "Quilston", "Meli"),
    ("9004", "Varomar", "Tisa"),
    ("9005", "Halgan", "Corvi"),
];
const WARDS: &[&str] = &["2E", "3N", "4W", "5S", "ICU"];
const CLINICS: &[&str] = &["ED", "OPD", "DAY"];
/// ICD-10-CM.
const DIAGNOSES: &[(&str, &str)] = &[
    ("J18.9", "Pneumonia, unspecified organism"),
    ("I10", "Essential (primary) hypertension"),
    ("E11.9", "Type 2 diabetes mellitus without complications"),
    ("N39.0", "Urinary tract infection, site not specified"),
    ("I50.9", "Heart failure, unspecified"),
    ("K35.80", "Unspecified acute appendicitis"),
];
const ALLERGIES: &[(&str, &str, &str, &str)] = &[
    ("DA", "7980^Penicillin G^RXNORM", "MO", "Rash"),
    ("DA", "2670^Codeine^RXNORM", "MI", "Nausea"),
    ("FA", "256349002^Peanut^SCT", "SV", "Swelling of throat"),
    ("EA", "111088007^Latex^SCT", "MI", "Itching"),
];

impl Visit {
    pub(crate) fn new(person: &Person, nth: u64, class: char, admitted: Moment, random: &mut Random) -> Self {
        let location = if class == 'I' { bed(random) } else { format!("{}^^^NORTH", random.pick(CLINICS)) };
        Self {
            number: format!("V{}{nth:02}", 300_000 + person.index),
            class,
            location,
            prior: String::new(),
            attending: random.below(PHYSICIANS.len() as u64) as usize,
            diagnosis: random.below(DIAGNOSES.len() as u64) as usize,
            admitted,
            discharged: None,
        }
    }

    /// The attending physician as XCN.
    pub(crate) fn physician(&self) -> String {
        let (number, family, given) =
            PHYSICIANS.get(self.attending).copied().unwrap_or(("9000", "Doranfer", "Pelra"));
        format!("{number}^{family}^{given}^^^Dr^^^NORTH&2.999.10.1&ISO^^^^EI")
    }

    pub(crate) fn segment(&self) -> Segment {
        let mut segment = Segment::new("PV1")
            .set(1, "1")
            .set(2, self.class.to_string())
            .set(3, self.location.clone())
            .set(6, self.prior.clone())
            .set(7, self.physician())
            .set(10, "MED")
            .set(19, format!("{}^^^NORTH&2.999.10.1&ISO^VN", self.number))
            .set(44, self.admitted.v2());
        if let Some(discharged) = self.discharged {
            segment = segment.set(36, "01").set(45, discharged.v2());
        }
        segment
    }
}

/// A bed as PL.
pub(crate) fn bed(random: &mut Random) -> String {
    let ward = random.pick(WARDS);
    format!("{ward}^{}^{}^NORTH", random.between(1, 24), random.pick(&["A", "B"]))
}

/// What an ADT message is made from.
pub(crate) struct Event<'a> {
    pub(crate) trigger: &'a str,
    pub(crate) control_id: &'a str,
    /// EVN-2: when the state was recorded.
    pub(crate) recorded: Moment,
    /// MSH-7.
    pub(crate) sent: Moment,
    pub(crate) person: &'a Person,
    pub(crate) visit: Option<&'a Visit>,
    pub(crate) more: Vec<Segment>,
}

impl Event<'_> {
    /// The message. Registration desks still on v2.3 leave MSH-9.3 out.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let old = self.person.index % 10 == 7;
        let structure = formats::hl7v2::structure_of("ADT", self.trigger).unwrap_or("ADT_A01");
        let kind =
            if old { format!("ADT^{}", self.trigger) } else { format!("ADT^{}^{structure}", self.trigger) };
        let header = Header {
            application: "ADT",
            facility: "NORTH",
            kind: &kind,
            control_id: self.control_id,
            sent: self.sent,
            version: if old { "2.3" } else { "2.5.1" },
            letters: self.person.letters,
        };
        let mut pid = patient(self.person, mrn(&self.person.mrn));
        if let Some(visit) = self.visit {
            pid = pid.set(18, format!("{}^^^NORTH&2.999.10.1&ISO^AN", visit.number.replace('V', "A")));
        }
        if self.person.telephone.is_none() && self.person.email.is_none() {
            // Nothing left: the sender says so, for an empty field would mean "unchanged".
            pid = pid.set(13, "\"\"");
        }
        let mut segments = vec![Segment::new("EVN").set(1, self.trigger).set(2, self.recorded.v2()), pid];
        let merge = self.more.iter().any(|segment| segment.line().starts_with("MRG"));
        if !merge && let Some(visit) = self.visit {
            // The order of the structure: PD1 and NK1 before PV1, the rest after.
            let (before, after): (Vec<_>, Vec<_>) =
                self.more.into_iter().partition(|segment| segment.line().starts_with("NK1"));
            segments.extend(before);
            segments.push(visit.segment());
            segments.extend(after);
        } else {
            segments.extend(self.more);
        }
        message(&header, &segments)
    }
}

/// Next of kin, allergies, diagnosis, insurance and a local segment, as an admission carries them.
pub(crate) fn admission_details(person: &Person, visit: &Visit, random: &mut Random) -> Vec<Segment> {
    let mut segments = Vec::new();
    if random.chance(70) {
        let kin = format!("{}^{}", escaped(&person.family), names::given(random));
        let last = names::telephone(random);
        let telephone = format!("(555)555-{last}^PRN^PH^^^555^555{last}");
        let relation = random.pick(&["SPO^Spouse^HL70063", "PAR^Parent^HL70063", "CHD^Child^HL70063"]);
        segments.push(Segment::new("NK1").set(1, "1").set(2, kin).set(3, *relation).set(5, telephone));
    }
    if random.chance(35) {
        let (kind, what, severity, reaction) = *random.pick(ALLERGIES);
        segments.push(
            Segment::new("AL1").set(1, "1").set(2, kind).set(3, what).set(4, severity).set(5, reaction),
        );
    }
    let (code, text) =
        DIAGNOSES.get(visit.diagnosis).copied().unwrap_or(("I10", "Essential (primary) hypertension"));
    let diagnosis = format!("{code}^{text}^I10");
    segments.push(Segment::new("DG1").set(1, "1").set(3, diagnosis).set(5, visit.admitted.v2()).set(6, "A"));
    if random.chance(60) {
        let member = format!("{}", 800_000 + person.index);
        let insurance = Segment::new("IN1")
            .set(1, "1")
            .set(2, "P1^Standard plan^NORTH")
            .set(3, "PAYER1^^^NORTH&2.999.10.1&ISO")
            .set(4, "Common Health Fund")
            .set(17, "SEL^Self^HL70063")
            .set(36, member);
        segments.push(insurance);
    }
    if random.chance(20) {
        segments.push(Segment::new("ZPD").set(1, "1").set(2, "MEAL^Vegetarian^LOCAL").set(3, "Y"));
    }
    segments
}
