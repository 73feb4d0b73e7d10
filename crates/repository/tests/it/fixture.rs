//! A store on a disk in memory, and small words for resources.

use std::path::Path;
use std::sync::Arc;

use fhir::json::{self, Value};
use protect::access::{Actor, Purpose, Scopes};
use protect::audit::{AuditLog, AuditOptions};
use repository::layout::SPACES;
use repository::{Access, Caller, Error, Options, Parts, Store, Versioned};
use storage::clock::{ManualClock, Random, SeededRandom};
use storage::disk::Disk;
use storage::engine::{Engine, MemoryEngine};
use storage::fault::FaultDisk;
use storage::keys::{KeyRing, RootKey, TenantId};
use storage::log::{FileLog, FileLogOptions, Log};
use storage::shelf::Shelf;

pub(crate) const NOW_MS: i64 = 1_795_362_961_000;

/// A store and the handles it was made of.
pub(crate) struct Hospital {
    pub(crate) store: Store,
    pub(crate) parts: Parts,
    pub(crate) clock: Arc<ManualClock>,
}

pub(crate) fn memory_engine() -> Arc<dyn Engine> {
    Arc::new(MemoryEngine::new(SPACES).unwrap())
}

/// The parts of a store on `disk`, whose keys and log are made if they are not there.
pub(crate) fn parts(disk: &FaultDisk, engine: Arc<dyn Engine>) -> Option<(Parts, Arc<ManualClock>)> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let clock = Arc::new(ManualClock::new(NOW_MS));
    let random: Arc<dyn Random> = Arc::new(SeededRandom::new(7));
    let root = || RootKey::generate(&SeededRandom::new(1));
    let dir = Path::new("/keys");
    let ring = KeyRing::open(shared.clone(), dir, root(), random.clone())
        .or_else(|_| KeyRing::create(shared.clone(), dir, root(), random.clone()))
        .ok()?;
    let log: Arc<dyn Log> =
        Arc::new(FileLog::open(shared, Path::new("/log"), FileLogOptions::default()).ok()?);
    // The audit log has a disk of its own: its syncs come from a thread and would change the order of steps.
    let audit_disk: Arc<dyn Disk> = Arc::new(FaultDisk::new(1));
    let audit =
        AuditLog::open(audit_disk, Path::new("/audit"), &ring, clock.clone(), AuditOptions::default())
            .unwrap();
    let shelf_disk: Arc<dyn Disk> = Arc::new(FaultDisk::new(1));
    let shelf = Shelf::open(shelf_disk, Path::new("/shelf"), &ring, TenantId::DEFAULT).unwrap();
    let parts = Parts {
        log,
        engine,
        ring: Arc::new(ring),
        audit: Arc::new(audit),
        clock: clock.clone(),
        random,
        shelf: Some(shelf),
        options: Options::default(),
    };
    Some((parts, clock))
}

pub(crate) fn hospital() -> Hospital {
    hospital_with(memory_engine())
}

pub(crate) fn hospital_with(engine: Arc<dyn Engine>) -> Hospital {
    let (parts, clock) = parts(&FaultDisk::new(1), engine).unwrap();
    let store = Store::open(parts.clone()).unwrap();
    Hospital { store, parts, clock }
}

impl Hospital {
    pub(crate) fn access(&self) -> Access {
        self.access_with("system/*.cruds")
    }

    pub(crate) fn access_with(&self, scopes: &str) -> Access {
        self.store.access(caller(scopes))
    }
}

pub(crate) fn caller(scopes: &str) -> Caller {
    Caller {
        actor: Actor::system("tester"),
        purpose: Purpose::Treatment,
        home: TenantId::DEFAULT,
        tenant: TenantId::DEFAULT,
        scopes: Scopes::parse(scopes).unwrap(),
        launch_patient: None,
        masked: None,
        token: None,
        request_id: "r".to_owned(),
        source: "test".to_owned(),
    }
}

pub(crate) fn json(text: &str) -> Value {
    json::parse(text.as_bytes(), &json::Limits::default()).unwrap()
}

pub(crate) fn patient(id: &str, family: &str) -> Value {
    json(&format!(
        r#"{{"resourceType":"Patient","id":"{id}","identifier":[{{"system":"urn:mrn","value":"{family}"}}],"name":[{{"family":"{family}"}}]}}"#
    ))
}

pub(crate) fn observation(id: &str, patient: &str) -> Value {
    json(&format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"8867-4"}}]}},"subject":{{"reference":"Patient/{patient}"}},"effectiveDateTime":"2026-01-02","valueQuantity":{{"value":72,"unit":"/min"}}}}"#
    ))
}

pub(crate) fn body(versioned: &Versioned) -> Value {
    json::parse(&versioned.body, &json::Limits::default()).unwrap()
}

pub(crate) fn family(versioned: &Versioned) -> String {
    let body = body(versioned);
    body.get("name").unwrap().at(0).unwrap().get("family").unwrap().as_str().unwrap().to_owned()
}

/// What a refusal said: its kind, as text, so that a failing test shows it.
pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    format!("{:?}", result.unwrap_err().kind())
}
