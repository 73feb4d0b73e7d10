//! The hospital: every person's story, told as deliveries in the order in which they arrive.

use crate::adt::{Event, Visit, admission_details, bed};
use crate::broken::Broken;
use crate::clinic;
use crate::lab::{Order, State};
use crate::moment::Moment;
use crate::names;
use crate::person::Person;
use crate::random::Random;
use crate::segments::{Segment, mrn};
use crate::systems;

/// Where a delivery comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feed {
    /// The hospital's registration: HL7 v2 ADT.
    Adt,
    /// The laboratory: HL7 v2 ORU.
    Lab,
    /// The clinic: FHIR R4 transaction bundles.
    Clinic,
}

impl Feed {
    /// The feed's name: `adt`, `lab`, `fhir`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Adt => "adt",
            Self::Lab => "lab",
            Self::Clinic => "fhir",
        }
    }
}

/// The bytes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// One HL7 v2 message, segments ended by CR, without a frame.
    Hl7v2(Vec<u8>),
    /// One FHIR R4 bundle of type transaction, as JSON.
    FhirBundle(Vec<u8>),
}

impl Payload {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Hl7v2(bytes) | Self::FhirBundle(bytes) => bytes,
        }
    }
}

/// What should become of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It is committed.
    Committed,
    /// It was delivered before, byte for byte: it is accepted and changes nothing.
    Duplicate,
    /// It tells an older state than one already delivered: it is accepted and must not overwrite the newer.
    Late,
    /// It is refused: quarantined, or answered with an error.
    Refused(Broken),
}

/// One thing that a feed sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Where it comes from.
    pub feed: Feed,
    /// When it arrives, in simulated time.
    pub at: Moment,
    /// Whose it is. Deliveries of one patient must arrive in order; those of different patients need not.
    pub patient: u64,
    /// What happens, in the standard's words: `A01`, `R01 corrected`, `bundle`.
    pub about: &'static str,
    /// The bytes.
    pub payload: Payload,
    /// What should become of it.
    pub expected: Expected,
}

/// How many deliveries of each kind there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// HL7 v2 messages, broken ones and duplicates included.
    pub messages: usize,
    /// FHIR bundles, broken ones and duplicates included.
    pub bundles: usize,
    /// Deliveries that repeat an earlier one.
    pub duplicates: usize,
    /// Deliveries with an older state.
    pub late: usize,
    /// Deliveries to be refused.
    pub refused: usize,
}

/// The person whose record every feed adds to, and what to search for to see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Showcase {
    /// Identifier system of the hospital, as FHIR writes it.
    pub system: &'static str,
    /// The person's medical record number.
    pub mrn: String,
    /// Family name.
    pub family: String,
    /// Given name.
    pub given: String,
    /// LOINC code of a result that was first preliminary, then final, then corrected.
    pub loinc: &'static str,
}

/// A synthetic hospital.
#[derive(Debug, Clone)]
pub struct Hospital {
    deliveries: Vec<Delivery>,
    showcase: Showcase,
}

impl Hospital {
    /// Tells the stories of `patients` people (at least one). The same seed and number give the same bytes; about 10
    /// deliveries and 17 kB a patient.
    pub fn new(seed: u64, patients: usize) -> Self {
        let patients = patients.max(1) as u64;
        let mut deliveries = Vec::new();
        let mut showcase = None;
        for index in 0..patients {
            let story = Story::tell(seed, index, patients);
            showcase.get_or_insert(story.showcase);
            deliveries.extend(story.deliveries);
        }
        // Stable: what one patient's story has at one moment keeps its order.
        deliveries.sort_by_key(|delivery| (delivery.at, delivery.patient));
        let showcase = showcase.unwrap_or(Showcase {
            system: systems::HOSPITAL,
            mrn: String::new(),
            family: String::new(),
            given: String::new(),
            loinc: "",
        });
        Self { deliveries, showcase }
    }

    /// Everything that is sent, in order of arrival.
    pub fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// Everything that is sent, in order of arrival.
    pub fn into_deliveries(self) -> Vec<Delivery> {
        self.deliveries
    }

    /// The person to show.
    pub fn showcase(&self) -> &Showcase {
        &self.showcase
    }

    /// How many of what.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for delivery in &self.deliveries {
            match delivery.payload {
                Payload::Hl7v2(_) => counts.messages += 1,
                Payload::FhirBundle(_) => counts.bundles += 1,
            }
            match delivery.expected {
                Expected::Committed => {}
                Expected::Duplicate => counts.duplicates += 1,
                Expected::Late => counts.late += 1,
                Expected::Refused(_) => counts.refused += 1,
            }
        }
        counts
    }
}

/// One person's story while it is told.
struct Story {
    person: Person,
    random: Random,
    now: Moment,
    messages: u64,
    visits: u64,
    orders: u64,
    featured: bool,
    deliveries: Vec<Delivery>,
    showcase: Showcase,
}

impl Story {
    fn tell(seed: u64, index: u64, patients: u64) -> Self {
        let mut random = Random::fork(seed, index + 1);
        let person = Person::new(index, &mut random);
        let start = Moment::START.plus_minutes(random.between(0, 600 + 20 * patients as i64));
        let showcase = Showcase {
            system: systems::HOSPITAL,
            mrn: person.mrn.clone(),
            family: person.family.clone(),
            given: person.given.clone(),
            loinc: "",
        };
        // The first person sees everything, so that a small hospital has something to show.
        let featured = index == 0;
        let mut story = Self {
            person,
            random,
            now: start,
            messages: 0,
            visits: 0,
            orders: index * 100,
            featured,
            deliveries: Vec::new(),
            showcase,
        };
        story.register();
        story.visit();
        story.merge();
        if story.person.deceased.is_none() {
            story.clinic();
            if story.random.chance(35) {
                story.pass(1_000, 20_000);
                story.visit();
            }
        }
        story.repeat_some();
        story
    }

    fn likely(&mut self, percent: u64) -> bool {
        self.random.chance(percent) || self.featured
    }

    fn pass(&mut self, minutes_min: i64, minutes_max: i64) {
        self.now = self.now.plus_minutes(self.random.between(minutes_min, minutes_max));
    }

    fn control_id(&mut self, letter: char) -> String {
        self.messages += 1;
        format!("{letter}{:06}{:03}", self.person.index, self.messages)
    }

    fn deliver(&mut self, feed: Feed, about: &'static str, payload: Payload, expected: Expected) {
        self.deliveries.push(Delivery {
            feed,
            at: self.now,
            patient: self.person.index,
            about,
            payload,
            expected,
        });
    }

    fn adt(&mut self, trigger: &'static str, visit: Option<&Visit>, more: Vec<Segment>) {
        let control_id = self.control_id('A');
        let (person, now) = (&self.person, self.now);
        let event = Event { trigger, control_id: &control_id, recorded: now, sent: now, person, visit, more };
        let bytes = event.bytes();
        if self.random.chance(4) {
            // The registration desk's interface hiccups: a broken copy under a control id of its own comes first.
            let broken = Broken::any(&mut self.random);
            let sound = String::from_utf8_lossy(&bytes).replacen(&control_id, &format!("B{control_id}"), 1);
            self.deliver(
                Feed::Adt,
                trigger,
                Payload::Hl7v2(broken.apply(sound.as_bytes())),
                Expected::Refused(broken),
            );
        }
        self.deliver(Feed::Adt, trigger, Payload::Hl7v2(bytes), Expected::Committed);
    }

    fn register(&mut self) {
        if self.likely(30) {
            self.adt("A28", None, Vec::new());
            self.pass(5, 600);
        }
    }

    fn visit(&mut self) {
        let class = if self.likely(55) { 'I' } else { *self.random.pick(&['O', 'E']) };
        let mut visit = self.admit(class);
        if self.random.chance(6) {
            self.pass(5, 60);
            self.adt("A11", Some(&visit), Vec::new());
            self.pass(10, 200);
            visit = self.admit(class);
        }
        self.pass(20, 120);
        for _ in 0..self.random.between(1, 3) {
            self.order(&visit);
        }
        if class == 'I' {
            for _ in 0..self.random.between(i64::from(self.featured), 2) {
                self.transfer(&mut visit);
            }
        }
        self.update(&visit);
        self.pass(60, 4_000);
        self.discharge(&mut visit);
    }

    fn admit(&mut self, class: char) -> Visit {
        self.visits += 1;
        let visit = Visit::new(&self.person, self.visits, class, self.now, &mut self.random);
        let details = admission_details(&self.person, &visit, &mut self.random);
        self.adt(if class == 'I' { "A01" } else { "A04" }, Some(&visit), details);
        visit
    }

    fn transfer(&mut self, visit: &mut Visit) {
        self.pass(60, 1_500);
        visit.prior = std::mem::replace(&mut visit.location, bed(&mut self.random));
        self.adt("A02", Some(visit), Vec::new());
        visit.prior.clear();
    }

    /// An order with its results: sometimes preliminary first, sometimes corrected later.
    fn order(&mut self, visit: &Visit) {
        self.orders += 1;
        let number = 700_000 + self.orders;
        let first = self.orders % 100 == 1;
        let order = if self.featured && first {
            Order::of_first_panel(number, visit, self.now, &mut self.random)
        } else {
            Order::new(number, visit, self.now, &mut self.random)
        };
        if self.featured && first {
            self.showcase.loinc = order.first_code();
        }
        if self.likely(25) {
            self.pass(30, 120);
            self.result(&order, visit, State::Preliminary, "R01 preliminary");
        }
        self.pass(30, 240);
        self.result(&order, visit, State::Final, "R01 final");
        if self.random.chance(8) || self.featured && first {
            self.pass(60, 600);
            self.result(&order.corrected(), visit, State::Corrected, "R01 corrected");
        }
    }

    fn result(&mut self, order: &Order, visit: &Visit, state: State, about: &'static str) {
        let control_id = self.control_id('L');
        let bytes = order.bytes(&self.person, Some(visit), &control_id, self.now, state);
        self.deliver(Feed::Lab, about, Payload::Hl7v2(bytes), Expected::Committed);
    }

    /// Demographics change, seldom by being cleared; seldom an older update arrives after a newer one.
    fn update(&mut self, visit: &Visit) {
        if !self.likely(40) {
            return;
        }
        self.pass(30, 600);
        let (older, recorded) = (self.person.clone(), self.now);
        self.pass(10, 60);
        (self.person.street, self.person.town, self.person.postal_code) = names::address(&mut self.random);
        if self.random.chance(20) && !self.featured {
            self.person.telephone = None;
            self.person.email = None;
        } else {
            self.person.telephone = Some(names::telephone(&mut self.random));
        }
        self.adt("A08", Some(visit), Vec::new());
        if self.likely(20) {
            self.pass(5, 90);
            let control_id = self.control_id('A');
            let late = Event {
                trigger: "A08",
                control_id: &control_id,
                recorded,
                sent: recorded,
                person: &older,
                visit: Some(visit),
                more: Vec::new(),
            };
            let bytes = late.bytes();
            self.deliver(Feed::Adt, "A08", Payload::Hl7v2(bytes), Expected::Late);
        }
    }

    fn discharge(&mut self, visit: &mut Visit) {
        visit.discharged = Some(self.now);
        if self.random.chance(2) && !self.featured {
            self.person.deceased = Some(self.now);
        }
        self.adt("A03", Some(visit), Vec::new());
        if self.random.chance(5) && self.person.deceased.is_none() {
            self.pass(10, 120);
            visit.discharged = None;
            self.adt("A13", Some(visit), Vec::new());
            self.pass(60, 2_000);
            visit.discharged = Some(self.now);
            self.adt("A03", Some(visit), Vec::new());
        }
    }

    /// Someone made a second record for the same person; it is merged away.
    fn merge(&mut self) {
        if !self.likely(10) {
            return;
        }
        self.pass(60, 600);
        let mistaken = Person { mrn: self.person.mistaken_mrn(), ..self.person.clone() };
        let person = std::mem::replace(&mut self.person, mistaken);
        self.adt("A28", None, Vec::new());
        let mistaken = std::mem::replace(&mut self.person, person);
        self.pass(30, 3_000);
        let replaced = Segment::new("MRG").set(1, mrn(&mistaken.mrn));
        self.adt("A40", None, vec![replaced]);
        if self.likely(40) {
            self.pass(10, 300);
            self.person.telephone = Some(names::telephone(&mut self.random));
            self.adt("A31", None, Vec::new());
        }
    }

    fn clinic(&mut self) {
        if !self.likely(55) {
            return;
        }
        let known = self.likely(90);
        for nth in 0..self.random.between(1, 2) as u64 {
            self.pass(600, 20_000);
            let bytes = clinic::bundle(&self.person, nth, self.now, known, &mut self.random).to_bytes();
            if self.random.chance(4) {
                let half = bytes.get(..bytes.len() / 2).unwrap_or(&[]).to_vec();
                self.deliver(
                    Feed::Clinic,
                    "bundle",
                    Payload::FhirBundle(half),
                    Expected::Refused(Broken::NotJson),
                );
            }
            if self.random.chance(3) {
                let invalid = Broken::InvalidResource;
                self.deliver(
                    Feed::Clinic,
                    "bundle",
                    Payload::FhirBundle(INVALID.to_vec()),
                    Expected::Refused(invalid),
                );
            }
            self.deliver(Feed::Clinic, "bundle", Payload::FhirBundle(bytes), Expected::Committed);
        }
    }

    /// Sends some deliveries a second time, a while later.
    fn repeat_some(&mut self) {
        let mut repeated = Vec::new();
        for (index, delivery) in self.deliveries.iter().enumerate() {
            let chosen = self.random.chance(3) || self.featured && index == 1;
            if chosen && delivery.expected == Expected::Committed {
                let at = delivery.at.plus_minutes(self.random.between(1, 400));
                repeated.push(Delivery { at, expected: Expected::Duplicate, ..delivery.clone() });
            }
        }
        self.deliveries.extend(repeated);
        self.deliveries.sort_by_key(|delivery| delivery.at);
    }
}

/// A bundle whose resource has a status that R4 does not know, and an element that it does not have.
const INVALID: &[u8] = br#"{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Observation","status":"perhaps","mood":"good","code":{"text":"Mood"}},"request":{"method":"POST","url":"Observation"}}]}"#;
