//! Trigger events: which are mapped, and what each does to a visit and to the patient.
//!
//! Source: HL7 v2.8 chapter 3 (ADT), chapter 7 (ORU, OUL), chapter 4 (ORM, OML, OMG).

/// What a trigger event means for the mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The event's code, e.g. `A01`.
    pub(crate) code: &'static str,
    /// Which messages it belongs to.
    pub(crate) family: Family,
    /// What it does to the visit of PV1.
    pub(crate) visit: Visit,
    /// What it does to patients and visits beyond the present one.
    pub(crate) joins: Joins,
}

/// A family of messages that are mapped by the same code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Patient administration.
    Adt,
    /// Results: ORU, OUL.
    Result,
    /// Orders: ORM, OML, OMG.
    Order,
}

/// What an event does to the visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    /// The visit begins, and may be told apart by its time if nothing else names it.
    Opens(&'static str),
    /// The visit takes this status.
    Becomes(&'static str),
    /// An earlier event is taken back and the visit has this status again.
    Undone(&'static str),
    /// An earlier event is taken back; the status is as it was.
    Restored,
    /// The status is as it was.
    Keeps,
}

/// What an event joins, parts or removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joins {
    /// Nothing.
    Nothing,
    /// The patient of MRG-1 becomes the patient of PID-3.
    Patients,
    /// The visit of MRG-5 becomes the visit of PV1-19.
    Visits,
    /// The visit of PV1-19 moves from the patient of MRG-1 to the patient of PID-3.
    VisitMoves,
    /// Two patients, each with PID and PV1.
    Pairs,
    /// Two patients are the same or related.
    Links,
    /// Two patients are no longer linked.
    Unlinks,
    /// The person is entered.
    Adds,
    /// The person is deleted.
    Deletes,
}

const fn adt(code: &'static str, visit: Visit, joins: Joins) -> Event {
    Event { code, family: Family::Adt, visit, joins }
}

const fn other(code: &'static str, family: Family) -> Event {
    Event { code, family, visit: Visit::Keeps, joins: Joins::Nothing }
}

const ADT: &[Event] = &[
    adt("A01", Visit::Opens("in-progress"), Joins::Nothing),
    adt("A02", Visit::Keeps, Joins::Nothing),
    adt("A03", Visit::Becomes("finished"), Joins::Nothing),
    adt("A04", Visit::Opens("arrived"), Joins::Nothing),
    adt("A05", Visit::Opens("planned"), Joins::Nothing),
    adt("A06", Visit::Becomes("in-progress"), Joins::Nothing),
    adt("A07", Visit::Becomes("in-progress"), Joins::Nothing),
    adt("A08", Visit::Keeps, Joins::Nothing),
    adt("A09", Visit::Keeps, Joins::Nothing),
    adt("A10", Visit::Keeps, Joins::Nothing),
    adt("A11", Visit::Undone("cancelled"), Joins::Nothing),
    adt("A12", Visit::Restored, Joins::Nothing),
    adt("A13", Visit::Undone("in-progress"), Joins::Nothing),
    adt("A14", Visit::Opens("planned"), Joins::Nothing),
    adt("A15", Visit::Keeps, Joins::Nothing),
    adt("A16", Visit::Keeps, Joins::Nothing),
    adt("A17", Visit::Keeps, Joins::Pairs),
    adt("A18", Visit::Keeps, Joins::Patients),
    adt("A21", Visit::Becomes("onleave"), Joins::Nothing),
    adt("A22", Visit::Becomes("in-progress"), Joins::Nothing),
    adt("A23", Visit::Becomes("entered-in-error"), Joins::Nothing),
    adt("A24", Visit::Keeps, Joins::Links),
    adt("A25", Visit::Restored, Joins::Nothing),
    adt("A26", Visit::Restored, Joins::Nothing),
    adt("A27", Visit::Undone("cancelled"), Joins::Nothing),
    adt("A28", Visit::Keeps, Joins::Adds),
    adt("A29", Visit::Keeps, Joins::Deletes),
    adt("A30", Visit::Keeps, Joins::Patients),
    adt("A31", Visit::Keeps, Joins::Nothing),
    adt("A32", Visit::Restored, Joins::Nothing),
    adt("A33", Visit::Restored, Joins::Nothing),
    adt("A34", Visit::Keeps, Joins::Patients),
    adt("A35", Visit::Keeps, Joins::Nothing),
    adt("A36", Visit::Keeps, Joins::Patients),
    adt("A37", Visit::Keeps, Joins::Unlinks),
    adt("A38", Visit::Undone("cancelled"), Joins::Nothing),
    adt("A39", Visit::Keeps, Joins::Patients),
    adt("A40", Visit::Keeps, Joins::Patients),
    adt("A41", Visit::Keeps, Joins::Nothing),
    adt("A42", Visit::Keeps, Joins::Visits),
    adt("A43", Visit::Keeps, Joins::Nothing),
    adt("A44", Visit::Keeps, Joins::Nothing),
    adt("A45", Visit::Keeps, Joins::VisitMoves),
    adt("A46", Visit::Keeps, Joins::Patients),
    adt("A47", Visit::Keeps, Joins::Patients),
    adt("A48", Visit::Keeps, Joins::Nothing),
    adt("A49", Visit::Keeps, Joins::Nothing),
    adt("A50", Visit::Keeps, Joins::Visits),
    adt("A51", Visit::Keeps, Joins::Nothing),
    adt("A52", Visit::Undone("in-progress"), Joins::Nothing),
    adt("A53", Visit::Undone("onleave"), Joins::Nothing),
    adt("A54", Visit::Keeps, Joins::Nothing),
    adt("A55", Visit::Restored, Joins::Nothing),
    adt("A60", Visit::Keeps, Joins::Nothing),
    adt("A61", Visit::Keeps, Joins::Nothing),
    adt("A62", Visit::Restored, Joins::Nothing),
];

const OTHER: &[(&str, Event)] = &[
    ("ORU", other("R01", Family::Result)),
    ("ORU", other("R30", Family::Result)),
    ("ORU", other("R31", Family::Result)),
    ("ORU", other("R32", Family::Result)),
    ("OUL", other("R21", Family::Result)),
    ("OUL", other("R22", Family::Result)),
    ("OUL", other("R23", Family::Result)),
    ("OUL", other("R24", Family::Result)),
    ("ORM", other("O01", Family::Order)),
    ("OML", other("O21", Family::Order)),
    ("OML", other("O33", Family::Order)),
    ("OML", other("O35", Family::Order)),
    ("OMG", other("O19", Family::Order)),
];

/// The event of a message, if it is mapped. A v2.1 message that names no event is its type's only mapped one.
pub(crate) fn find(message_code: &str, event: &str) -> Option<Event> {
    if message_code == "ADT" {
        return ADT.iter().find(|known| known.code == event).copied();
    }
    let of_type = OTHER.iter().filter(|(code, _)| *code == message_code).map(|(_, event)| *event);
    let mut of_type = of_type;
    if event.is_empty() { of_type.next() } else { of_type.find(|known| known.code == event) }
}

/// Every message and event that is mapped, as `ADT^A01`; for the documentation and `ward` itself.
pub(crate) fn supported() -> impl Iterator<Item = String> {
    let adt = ADT.iter().map(|event| format!("ADT^{}", event.code));
    adt.chain(OTHER.iter().map(|(code, event)| format!("{code}^{}", event.code)))
}
