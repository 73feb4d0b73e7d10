//! Exports: whole as of their cut, within the caller's bounds, and going on after a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fhir::json::Value;
use repository::{
    Caller, ExportLevel, ExportOptions, FileRole, JobOptions, JobState, JobStatus, Jobs, Parts, Runner, Stop,
    Store, Ticket,
};
use storage::fault::FaultDisk;
use storage::keys::TenantId;
use storage::shelf::Shelf;

use crate::fixture::{caller, json, kind, memory_engine, observation, parts, patient};

/// A store with a shelf, and its jobs.
pub(crate) struct Works {
    pub(crate) store: Store,
    pub(crate) jobs: Jobs,
    pub(crate) disk: FaultDisk,
}

pub(crate) fn works() -> Works {
    works_with(JobOptions::default(), FaultDisk::new(1))
}

pub(crate) fn works_with(options: JobOptions, disk: FaultDisk) -> Works {
    let (parts, _) = parts(&disk, memory_engine()).unwrap();
    let shelf =
        Shelf::open(Arc::new(disk.clone()), Path::new("/shelf"), &parts.ring, TenantId::DEFAULT).unwrap();
    let store = Store::open(Parts { shelf: Some(shelf), ..parts }).unwrap();
    let jobs = Jobs::open(&store, options).unwrap();
    Works { store, jobs, disk }
}

pub(crate) fn me() -> Caller {
    caller("system/*.cruds")
}

impl Works {
    pub(crate) fn put(&self, value: Value) {
        let (kind, id) = (
            value.resource_type().unwrap().to_owned(),
            value.get("id").unwrap().as_str().unwrap().to_owned(),
        );
        self.store.access(me()).update(&kind, &id, value, None).unwrap();
    }

    pub(crate) fn clinic(self) -> Self {
        self.put(json(r#"{"resourceType":"Organization","id":"o","name":"Ward"}"#));
        for id in ["a", "b", "c"] {
            self.put(patient(id, id));
            for number in 0..5 {
                self.put(observation(&format!("{id}{number}"), id));
            }
        }
        self.put(json(
            r#"{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[
                {"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/c"},"inactive":true},
                {"entity":{"reference":"Group/h"}}]}"#,
        ));
        self.put(json(
            r#"{"resourceType":"Group","id":"h","type":"person","actual":true,"member":[
                {"entity":{"reference":"Patient/b"}},{"entity":{"reference":"Group/g"}}]}"#,
        ));
        self
    }

    pub(crate) fn wait(&self, caller: &Caller, id: &str) -> JobStatus {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let status = self.jobs.status(caller, id).unwrap();
            if status.state.is_finished() {
                return status;
            }
            assert!(Instant::now() < until, "{status:?}");
            std::thread::yield_now();
        }
    }

    /// Lines of a finished export by role and type.
    pub(crate) fn lines(&self, caller: &Caller, id: &str) -> BTreeMap<(FileRole, String), Vec<Value>> {
        let status = self.wait(caller, id);
        assert_eq!(status.state, JobState::Done, "{:?}", status.failure);
        let mut lines: BTreeMap<_, Vec<Value>> = BTreeMap::new();
        for file in &status.files {
            let (told, mut reader) = self.jobs.file(caller, id, file.number).unwrap();
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!(
                (&told, text.len() as u64, text.lines().count() as u64),
                (file, file.bytes, file.count)
            );
            let of = (file.role, file.resource_type.clone());
            lines.entry(of).or_default().extend(text.lines().map(json));
        }
        lines
    }

    pub(crate) fn export(
        &self,
        caller: &Caller,
        options: &ExportOptions,
    ) -> BTreeMap<(FileRole, String), Vec<Value>> {
        self.jobs.start().unwrap();
        let id = self.jobs.export(caller, options, "https://h/fhir/$export").unwrap();
        let lines = self.lines(caller, &id);
        self.jobs.cancel(caller, &id).unwrap();
        lines
    }

    fn names(&self, caller: &Caller, options: &ExportOptions) -> Vec<String> {
        names(&self.export(caller, options))
    }
}

fn name(value: &Value) -> String {
    format!("{}/{}", value.resource_type().unwrap(), value.get("id").unwrap().as_str().unwrap())
}

fn names(lines: &BTreeMap<(FileRole, String), Vec<Value>>) -> Vec<String> {
    lines
        .iter()
        .filter(|((role, _), _)| *role == FileRole::Output)
        .flat_map(|(_, lines)| lines.iter().map(name))
        .collect()
}

fn observations(ids: &str) -> Vec<String> {
    ids.chars().flat_map(|id| (0..5).map(move |number| format!("Observation/{id}{number}"))).collect()
}

fn of(level: ExportLevel) -> ExportOptions {
    ExportOptions { level, ..ExportOptions::default() }
}

#[test]
fn a_system_export_holds_every_resource_once_as_it_is_read() {
    let works = works().clinic();
    let lines = works.export(&me(), &ExportOptions::default());
    let mut expected = vec!["Group/g".to_owned(), "Group/h".to_owned()];
    expected.extend(observations("abc"));
    expected.extend(["Organization/o", "Patient/a", "Patient/b", "Patient/c"].map(str::to_owned));
    assert_eq!(names(&lines), expected);
    let access = works.store.access(me());
    for value in lines.values().flatten() {
        let id = value.get("id").unwrap().as_str().unwrap();
        assert_eq!(access.read(value.resource_type().unwrap(), id).unwrap().body, value.to_vec());
    }
}

#[test]
fn patients_and_groups_get_their_compartments_and_nothing_more() {
    let works = works().clinic();
    let mut expected = vec!["Group/g".to_owned(), "Group/h".to_owned()];
    expected.extend(observations("abc"));
    expected.extend(["Patient/a", "Patient/b", "Patient/c"].map(str::to_owned));
    assert_eq!(works.names(&me(), &of(ExportLevel::Patients)), expected, "the organisation is nobody's");
    let types = vec!["Observation".to_owned(), "Patient".to_owned()];
    let group = ExportOptions { types: types.clone(), ..of(ExportLevel::Group("g".to_owned())) };
    let mut expected = observations("ab");
    expected.extend(["Patient/a", "Patient/b"].map(str::to_owned));
    assert_eq!(
        works.names(&me(), &group),
        expected,
        "an inactive member is none, a member of a member is one"
    );
    let one = ExportOptions { patients: vec!["b".to_owned(), "c".to_owned()], ..group };
    let mut expected = observations("b");
    expected.push("Patient/b".to_owned());
    assert_eq!(works.names(&me(), &one), expected);
    let shared = json(
        r#"{"resourceType":"Observation","id":"both","status":"final","code":{"text":"x"},
            "subject":{"reference":"Patient/b"},"performer":[{"reference":"Patient/a"}]}"#,
    );
    works.put(shared);
    let found = works.names(&me(), &ExportOptions { types, ..of(ExportLevel::Group("h".to_owned())) });
    assert_eq!(found.iter().filter(|name| *name == "Observation/both").count(), 1, "{found:?}");
}

#[test]
fn filters_elements_and_times_narrow_it() {
    let works = works().clinic();
    let filtered = ExportOptions {
        types: vec!["Observation".to_owned(), "Patient".to_owned()],
        filters: vec![
            ("Observation".to_owned(), "subject=Patient/a".to_owned()),
            ("Observation".to_owned(), "subject:Patient.name=c".to_owned()),
        ],
        ..ExportOptions::default()
    };
    let mut expected = observations("ac");
    expected.extend(["Patient/a", "Patient/b", "Patient/c"].map(str::to_owned));
    assert_eq!(works.names(&me(), &filtered), expected);
    let elements = ExportOptions {
        types: vec!["Patient".to_owned()],
        elements: vec![(Some("Patient".to_owned()), "identifier".to_owned())],
        ..ExportOptions::default()
    };
    for patient in works.export(&me(), &elements).values().flatten() {
        assert!(patient.get("identifier").is_some() && patient.get("name").is_none());
    }
}

#[test]
fn since_gives_what_changed_and_what_was_deleted() {
    let disk = FaultDisk::new(1);
    let (parts, clock) = parts(&disk, memory_engine()).unwrap();
    let shelf =
        Shelf::open(Arc::new(disk.clone()), Path::new("/shelf"), &parts.ring, TenantId::DEFAULT).unwrap();
    let store = Store::open(Parts { shelf: Some(shelf), ..parts }).unwrap();
    let jobs = Jobs::open(&store, JobOptions::default()).unwrap();
    let works = Works { store, jobs, disk }.clinic();
    let access = works.store.access(me());
    access.delete("Observation", "a0", None).unwrap();
    clock.advance(60_000);
    let since_ms = Some(storage::clock::Clock::now_ms(clock.as_ref()));
    access.delete("Observation", "a1", None).unwrap();
    access.delete("Observation", "b1", None).unwrap();
    access.delete("Observation", "c1", None).unwrap();
    let again = observation("c1", "c");
    works.put(again);
    works.put(patient("b", "Changed"));
    let deleted = |options: ExportOptions| {
        let lines = works.export(&me(), &ExportOptions { since_ms, ..options });
        let urls =
            lines.iter().filter(|((role, _), _)| *role == FileRole::Deleted).flat_map(|(_, lines)| lines);
        let url = |bundle: &Value| {
            let request = bundle.get("entry").unwrap().at(0).unwrap().get("request").unwrap();
            assert_eq!(request.get("method").and_then(Value::as_str), Some("DELETE"));
            request.get("url").and_then(Value::as_str).unwrap().to_owned()
        };
        (names(&lines), urls.map(url).collect::<BTreeSet<_>>())
    };
    let changed = ["Observation/c1", "Patient/b"].map(str::to_owned).to_vec();
    let gone = |ids: &[&str]| ids.iter().map(|id| format!("Observation/{id}")).collect::<BTreeSet<_>>();
    assert_eq!(deleted(ExportOptions::default()), (changed.clone(), gone(&["a1", "b1"])));
    assert_eq!(deleted(of(ExportLevel::Patients)), (changed, gone(&["a1", "b1"])));
    let (_, of_b) = deleted(ExportOptions { patients: vec!["b".to_owned()], ..of(ExportLevel::Patients) });
    assert_eq!(of_b, gone(&["b1"]));
}

#[test]
fn what_changes_while_it_waits_is_exported_as_it_stood_at_the_beginning() {
    let works = works().clinic();
    for level in [ExportLevel::System, ExportLevel::Patients, ExportLevel::Group("g".to_owned())] {
        let types = vec!["Observation".to_owned(), "Patient".to_owned()];
        let options = ExportOptions { types, ..of(level.clone()) };
        let id = works.jobs.export(&me(), &options, "").unwrap();
        let access = works.store.access(me());
        let before: Vec<u64> =
            ["a0", "a1", "a2"].map(|id| access.read("Observation", id).unwrap().version).to_vec();
        // To another patient; away; changed twice; new.
        works.put(observation("a0", "c"));
        access.delete("Observation", "a1", None).unwrap();
        for text in ["one", "two"] {
            let mut changed = observation("a2", "a");
            changed.as_object_mut().unwrap().insert("valueString", text);
            changed.as_object_mut().unwrap().remove("valueQuantity");
            works.put(changed);
        }
        works.put(observation("new", "a"));
        works.jobs.start().unwrap();
        let lines = works.lines(&me(), &id);
        let found: BTreeMap<String, String> = lines
            .values()
            .flatten()
            .map(|value| {
                let version = value.get("meta").unwrap().get("versionId").unwrap().as_str().unwrap();
                (name(value), version.to_owned())
            })
            .collect();
        for (id, version) in ["a0", "a1", "a2"].iter().zip(before) {
            assert_eq!(found.get(&format!("Observation/{id}")), Some(&version.to_string()), "{level:?} {id}");
        }
        assert!(!found.contains_key("Observation/new"), "{level:?}");
        let total: usize = lines.values().map(Vec::len).sum();
        assert_eq!(total, found.len(), "none twice");
        access.delete("Observation", "new", None).unwrap();
        for id in ["a0", "a1", "a2"] {
            works.put(observation(id, "a"));
        }
    }
}

#[test]
fn rights_are_those_of_the_caller_and_a_job_is_its_actors_alone() {
    let works = works().clinic();
    let some = caller("system/Observation.rs system/Organization.s");
    let mut expected = observations("abc");
    expected.push("Organization/o".to_owned());
    assert_eq!(works.names(&some, &ExportOptions::default()), expected);
    let named = |name: &str| ExportOptions { types: vec![name.to_owned()], ..ExportOptions::default() };
    assert_eq!(kind(works.jobs.export(&some, &named("Patient"), "")), "Denied");
    assert_eq!(kind(works.jobs.export(&caller("system/Patient.r"), &ExportOptions::default(), "")), "Denied");
    assert_eq!(kind(works.jobs.export(&some, &of(ExportLevel::Group("g".to_owned())), "")), "Denied");
    let mut own = caller("patient/*.rs");
    own.launch_patient = Some("b".to_owned());
    let mut expected = vec!["Group/h".to_owned()];
    expected.extend(observations("b"));
    expected.push("Patient/b".to_owned());
    assert_eq!(works.names(&own, &ExportOptions::default()), expected);
    assert_eq!(kind(works.jobs.export(&own, &of(ExportLevel::Group("g".to_owned())), "")), "NotFound");

    let id = works.jobs.export(&me(), &ExportOptions::default(), "").unwrap();
    let mut other = me();
    other.actor.id = "other".to_owned();
    assert_eq!(kind(works.jobs.status(&other, &id)), "NotFound");
    assert_eq!(kind(works.jobs.cancel(&other, &id)), "NotFound");
    works.wait(&me(), &id);
    assert_eq!(
        works.jobs.file(&other, &id, 0).err().map(|error| format!("{:?}", error.kind())),
        Some("NotFound".to_owned())
    );
    works.jobs.cancel(&me(), &id).unwrap();
    assert_eq!(kind(works.jobs.status(&me(), &id)), "NotFound");
    let left = works
        .disk
        .files()
        .iter()
        .filter(|path| path.starts_with("/shelf/job") || path.starts_with("/shelf/job-file"))
        .count();
    assert_eq!(left, 0, "{:?}", works.disk.files());
}

#[test]
fn what_cannot_be_exported_is_refused_at_the_beginning() {
    let works = works().clinic();
    let refused = |options: ExportOptions| kind(works.jobs.export(&me(), &options, ""));
    let types = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let filter = |name: &str, query: &str| ExportOptions {
        filters: vec![(name.to_owned(), query.to_owned())],
        ..ExportOptions::default()
    };
    assert_eq!(refused(ExportOptions { types: types(&["Nonsense"]), ..ExportOptions::default() }), "Invalid");
    assert_eq!(
        refused(ExportOptions { types: types(&["Organization"]), ..of(ExportLevel::Patients) }),
        "Invalid"
    );
    assert_eq!(refused(of(ExportLevel::Group("nobody".to_owned()))), "NotFound");
    assert_eq!(
        refused(ExportOptions { patients: types(&["nobody"]), ..of(ExportLevel::Patients) }),
        "NotFound"
    );
    assert_eq!(refused(filter("Patient", "colour=red")), "Invalid");
    assert_eq!(refused(filter("Patient", "_sort=name")), "Invalid");
    assert_eq!(refused(filter("Patient", "")), "Invalid");
    assert_eq!(
        refused(ExportOptions { types: types(&["Observation"]), ..filter("Patient", "name=a") }),
        "Invalid"
    );
    let few = works_with(JobOptions { waiting_max: 1, ..JobOptions::default() }, FaultDisk::new(2)).clinic();
    few.jobs.export(&me(), &ExportOptions::default(), "").unwrap();
    assert_eq!(kind(few.jobs.export(&me(), &ExportOptions::default(), "")), "Throttled");
}

/// Writes numbered lines, a file a line, and stops dead at one of them.
struct Lines {
    dies_at: u32,
}

impl Runner for Lines {
    fn run(&self, ticket: &Ticket<'_>) -> Result<(), Stop> {
        let mut files = ticket.files();
        for number in files.len() as u32..20 {
            if number == self.dies_at {
                // As if the process had died: nothing more is written down.
                return Err(Stop::Interrupted);
            }
            let mut writer = ticket.writer(number, FileRole::Output, "Basic")?;
            writer.line(number.to_string().as_bytes())?;
            files.push(writer.finish()?);
            ticket.save(Value::from(number), &files, "at work")?;
        }
        Ok(())
    }
}

#[test]
fn a_job_goes_on_from_its_checkpoint_after_a_crash_and_loses_nothing() {
    let works = works();
    works.jobs.serve("lines", Arc::new(Lines { dies_at: 7 }));
    let id = works.jobs.begin(&me(), "lines", "", || Ok(Value::Null)).unwrap();
    works.jobs.start().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while works.jobs.status(&me(), &id).unwrap().files.len() < 7 {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
    works.jobs.close();
    let Works { store, jobs, disk } = works;
    drop((store, jobs));
    let works = works_with(JobOptions::default(), disk.crash());
    assert_eq!(works.jobs.status(&me(), &id).unwrap().files.len(), 7);
    works.jobs.serve("lines", Arc::new(Lines { dies_at: 99 }));
    works.jobs.start().unwrap();
    let lines = works.lines(&me(), &id);
    let lines: Vec<i64> = lines.values().flatten().map(|value| value.as_i64().unwrap()).collect();
    assert_eq!(lines, (0..20).collect::<Vec<_>>());
    works.jobs.close();
}
