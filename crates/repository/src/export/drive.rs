//! Whose resources an export holds, and the resources of a type that may belong to it.

use std::collections::BTreeSet;

use fhir::json::Value;
use protect::access::Interaction;
use storage::engine::{Bytes, Direction, KeyRange, Scan};

use super::spec::Spec;
use super::{EXPORT_PATIENTS_MAX, ExportLevel};
use crate::error::{Error, ErrorKind, Result};
use crate::gate::{Caller, Reach};
use crate::layout;
use crate::row::{Head, Row};
use crate::search::header::Header;
use crate::view::{View, corrupt, engine};

/// Whose resources are exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Everybody's and nobody's.
    Everything,
    /// Those of any patient.
    AnyPatient,
    /// Those of these patients, ascending by number.
    Of(Vec<u64>),
}

/// Whose resources an export is about, at its cut.
///
/// # Errors
/// `NotFound` for a Group or a patient that is not there or is not for this caller, `TooCostly` for too many patients.
pub(crate) fn patients(view: &View, caller: &Caller, spec: &Spec) -> Result<Whose> {
    let mut named = BTreeSet::new();
    for id in &spec.options.patients {
        let number = view.number(layout::PATIENT_CODE, id)?.ok_or_else(Error::not_found)?;
        if row_at(view, layout::PATIENT_CODE, number, spec.cut)?.is_none_or(|row| row.deleted) {
            return Err(Error::not_found());
        }
        named.insert(number);
    }
    let whose = match &spec.options.level {
        ExportLevel::System => Whose::Everything,
        ExportLevel::Patients if named.is_empty() => Whose::AnyPatient,
        ExportLevel::Patients => Whose::Of(named.into_iter().collect()),
        ExportLevel::Group(id) => {
            let mut members = members(view, caller, id, spec.cut)?;
            if !named.is_empty() {
                members.retain(|member| named.contains(member));
            }
            Whose::Of(members.into_iter().collect())
        }
    };
    if matches!(&whose, Whose::Of(list) if list.len() > EXPORT_PATIENTS_MAX) {
        let text = format!("one export takes at most {EXPORT_PATIENTS_MAX} patients");
        return Err(Error::new(ErrorKind::TooCostly, text));
    }
    Ok(whose)
}

/// The patients of a group and of the groups in it.
fn members(view: &View, caller: &Caller, id: &str, cut: u64) -> Result<BTreeSet<u64>> {
    // Who sees one patient alone cannot be told who else is in a group.
    if caller.decide(Interaction::Read, Some("Group"))? != Reach::All {
        return Err(Error::not_found());
    }
    let code = layout::type_code("Group").unwrap_or_default();
    let first = view.number(code, id)?.ok_or_else(Error::not_found)?;
    let (mut waiting, mut seen, mut patients) = (vec![first], BTreeSet::from([first]), BTreeSet::new());
    while let Some(group) = waiting.pop() {
        let row = row_at(view, code, group, cut)?.filter(|row| !row.deleted);
        let Some(body) = row.map(|row| view.body(code, group, &row)).transpose()?.flatten() else {
            if group == first {
                return Err(Error::not_found());
            }
            continue;
        };
        let body = body.value().map_err(corrupt)?;
        for member in body.get("member").map(Value::elements).unwrap_or_default() {
            if member.get("inactive").and_then(Value::as_bool) == Some(true) {
                continue;
            }
            let reference = member.get("entity").and_then(|entity| entity.get("reference")?.as_str());
            let Some((kind, id)) = reference.and_then(local) else { continue };
            match (kind, view.number(layout::type_code(kind).unwrap_or_default(), id)?) {
                ("Patient", Some(number)) => drop(patients.insert(number)),
                ("Group", Some(number)) if seen.insert(number) => waiting.push(number),
                _ => {}
            }
        }
    }
    Ok(patients)
}

/// Type and id of a reference to a resource of ours.
fn local(reference: &str) -> Option<(&str, &str)> {
    let mut parts = reference.split('/');
    match (parts.next()?, parts.next()?, parts.next()) {
        (kind @ ("Patient" | "Group"), id, None | Some("_history")) => Some((kind, id)),
        _ => None,
    }
}

/// The version of a resource that stood before the record `cut`.
pub(crate) fn row_at(view: &View, code: u16, number: u64, cut: u64) -> Result<Option<Row>> {
    let Some(current) = view.row(code, number)? else { return Ok(None) };
    if current.seq < cut {
        return Ok(Some(current));
    }
    let versions = KeyRange::prefix(layout::Key::new(view.tenant).u64(number).as_slice());
    for row in view.reader.scan(layout::VERSION, versions, Direction::Forward) {
        let (_, value) = row.map_err(engine)?;
        if Head::read(&value).map_err(corrupt)?.seq < cut {
            return Ok(Some(Row::read(&value).map_err(corrupt)?));
        }
    }
    Ok(None)
}

impl Whose {
    /// What of it lies within a caller's reach.
    pub(crate) fn within(&self, view: &View, reach: &Reach) -> Result<Self> {
        let Reach::Patient(id) = reach else { return Ok(self.clone()) };
        let own = view.number(layout::PATIENT_CODE, id)?;
        Ok(Self::Of(match self {
            Self::Of(list) => list.iter().copied().filter(|number| Some(*number) == own).collect(),
            _ => own.into_iter().collect(),
        }))
    }

    /// Whether a version belongs to it, by its content.
    pub(crate) fn holds(&self, view: &View, value: &Value) -> Result<bool> {
        if *self == Self::Everything {
            return Ok(true);
        }
        for id in fhir::search::patient_compartment(value) {
            let Some(number) = view.number(layout::PATIENT_CODE, &id)? else { continue };
            if matches!(self, Self::AnyPatient)
                || matches!(self, Self::Of(list) if list.binary_search(&number).is_ok())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The resources of one type that stand in a view and belong to it, each once, in an order in which one can go on.
pub(crate) struct Standing<'v> {
    view: &'v View,
    type_code: u16,
    whose: &'v Whose,
    scan: Option<Scan>,
    /// With patients: where in their list the scan is.
    at: usize,
}

/// One of them: where to go on behind it, its number, and its row as it is stored.
pub(crate) struct Candidate {
    pub(crate) place: (u64, u64),
    pub(crate) number: u64,
    pub(crate) row: Bytes,
}

impl<'v> Standing<'v> {
    /// Begins behind `after`.
    pub(crate) fn open(view: &'v View, type_code: u16, whose: &'v Whose, after: Option<(u64, u64)>) -> Self {
        let mut standing = Self { view, type_code, whose, scan: None, at: 0 };
        match whose {
            Whose::Of(list) => {
                let (patient, number) = after.unwrap_or_default();
                standing.at = list.partition_point(|known| *known < patient);
                let same = list.get(standing.at) == Some(&patient);
                standing.open_patient(after.filter(|_| same).map(|_| number));
            }
            _ => {
                let prefix = layout::Key::new(view.tenant).u16(type_code).into_vec();
                let range = match after {
                    Some((number, _)) => {
                        KeyRange::prefix_after(&prefix, &layout::current_key(view.tenant, type_code, number))
                    }
                    None => KeyRange::prefix(&prefix),
                };
                standing.scan = Some(view.reader.scan(layout::CURRENT, range, Direction::Forward));
            }
        }
        standing
    }

    fn open_patient(&mut self, after: Option<u64>) {
        let Whose::Of(list) = self.whose else { return };
        self.scan = list.get(self.at).map(|patient| {
            let rows = layout::Key::new(self.view.tenant).u64(*patient).u16(self.type_code);
            let prefix = rows.u16(layout::MEMBERSHIP).into_vec();
            let range = match after {
                Some(number) => {
                    KeyRange::prefix_after(&prefix, &[&prefix, &number.to_be_bytes()[..]].concat())
                }
                None => KeyRange::prefix(&prefix),
            };
            self.view.reader.scan(layout::COMPARTMENT, range, Direction::Forward)
        });
    }

    /// The next one.
    pub(crate) fn next(&mut self) -> Result<Option<Candidate>> {
        loop {
            let Some(scan) = &mut self.scan else { return Ok(None) };
            let row = scan.next().transpose().map_err(engine)?;
            let Some((key, value)) = row else {
                if !matches!(self.whose, Whose::Of(_)) {
                    return Ok(None);
                }
                self.at += 1;
                self.open_patient(None);
                continue;
            };
            let number = layout::number_at_end(&key).ok_or_else(|| corrupt("a key is too short"))?;
            match self.whose {
                Whose::Everything => return Ok(Some(Candidate { place: (number, 0), number, row: value })),
                Whose::AnyPatient => {
                    if self.is_of_a_patient(number)? {
                        return Ok(Some(Candidate { place: (number, 0), number, row: value }));
                    }
                }
                Whose::Of(list) => {
                    let Some(patient) = list.get(self.at).copied() else { return Ok(None) };
                    if self.was_given_before(number, patient, list)? {
                        continue;
                    }
                    let key = layout::current_key(self.view.tenant, self.type_code, number);
                    let row = self.view.reader.get(layout::CURRENT, &key).map_err(engine)?;
                    let Some(row) = row else { continue };
                    return Ok(Some(Candidate { place: (patient, number), number, row }));
                }
            }
        }
    }

    /// The patients that a resource refers to.
    fn patients(&self, number: u64) -> Result<Vec<u64>> {
        let key = layout::member_key(self.view.tenant, self.type_code, number);
        let record = self.view.reader.get(layout::MEMBER, &key).map_err(engine)?;
        let mut patients: Vec<u64> = Vec::new();
        if let Some(record) = &record {
            let references = Header::new(record).all_references();
            patients.extend(references.filter(|one| one.1 == layout::PATIENT_CODE).map(|one| one.2));
        }
        patients.sort_unstable();
        patients.dedup();
        Ok(patients)
    }

    fn lies_with(&self, patient: u64, number: u64) -> Result<bool> {
        let key = layout::compartment_key(
            self.view.tenant,
            patient,
            self.type_code,
            layout::MEMBERSHIP,
            &[],
            number,
        );
        self.view.reader.contains(layout::COMPARTMENT, &key).map_err(engine)
    }

    fn is_of_a_patient(&self, number: u64) -> Result<bool> {
        if self.type_code == layout::PATIENT_CODE {
            return Ok(true);
        }
        for patient in self.patients(number)? {
            if self.lies_with(patient, number)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a resource has come with a patient earlier in the list already; or is another patient, who only is linked.
    fn was_given_before(&self, number: u64, patient: u64, list: &[u64]) -> Result<bool> {
        if self.type_code == layout::PATIENT_CODE {
            return Ok(number != patient);
        }
        for other in self.patients(number)?.into_iter().take_while(|other| *other < patient) {
            if list.binary_search(&other).is_ok() && self.lies_with(other, number)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
