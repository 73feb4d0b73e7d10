//! A store, its archive and its quarantine on a disk in memory, and small words for messages.

use std::path::Path;
use std::sync::Arc;

use fhir::json::{self, Value};
use formats::hl7v2;
use ingest::config::{ChannelConfig, ChannelKind};
use ingest::{Channel, Ingest, IngestParts, Outcome, Quarantine};
use protect::access::{Actor, Purpose, Scopes};
use protect::audit::{AuditLog, AuditOptions};
use repository::layout::SPACES;
use repository::{Access, Caller, HistoryOptions, HistoryTarget, Options, Parts, Store, Versioned};
use storage::archive::{Archive, ArchiveOptions};
use storage::clock::{ManualClock, Random, SeededRandom};
use storage::disk::Disk;
use storage::engine::{Engine, MemoryEngine};
use storage::fault::FaultDisk;
use storage::keys::{KeyRing, RootKey, TenantId};
use storage::log::{FileLog, FileLogOptions};

pub(crate) const NOW_MS: i64 = 1_795_362_961_000;

/// Ingest and the store below it.
pub(crate) struct Bench {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) store: Store,
    pub(crate) archive: Arc<Archive>,
    pub(crate) parts: Parts,
}

/// A channel that takes anything.
pub(crate) fn plain(name: &str) -> ChannelConfig {
    ChannelConfig::new(name, ChannelKind::Https)
}

/// The channels of [`bench`].
pub(crate) fn channels() -> Vec<ChannelConfig> {
    vec![plain("adt"), plain("lab"), plain("fhir")]
}

pub(crate) fn bench() -> Bench {
    on(&FaultDisk::new(1), channels()).unwrap()
}

/// Everything on `disk`, with an index that is built anew from the log; `None` if something does not open.
pub(crate) fn on(disk: &FaultDisk, channels: Vec<ChannelConfig>) -> Option<Bench> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let clock = Arc::new(ManualClock::new(NOW_MS));
    let random: Arc<dyn Random> = Arc::new(SeededRandom::new(7));
    let root = || RootKey::generate(&SeededRandom::new(1));
    let keys = Path::new("/keys");
    let ring = KeyRing::open(shared.clone(), keys, root(), random.clone())
        .or_else(|_| KeyRing::create(shared.clone(), keys, root(), random.clone()))
        .ok()?;
    let ring = Arc::new(ring);
    let log = FileLog::open(shared.clone(), Path::new("/log"), FileLogOptions::default()).ok()?;
    // The audit log has a disk of its own: its syncs come from a thread and would change the order of steps.
    let audit_disk: Arc<dyn Disk> = Arc::new(FaultDisk::new(1));
    let audit =
        AuditLog::open(audit_disk, Path::new("/audit"), &ring, clock.clone(), AuditOptions::default())
            .unwrap();
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new(SPACES).unwrap());
    let parts = Parts {
        log: Arc::new(log),
        engine,
        ring: ring.clone(),
        audit: Arc::new(audit),
        clock: clock.clone(),
        random,
        shelf: None,
        options: Options::default(),
    };
    let store = Store::open(parts.clone()).ok()?;
    let tenant = TenantId::DEFAULT;
    let archive =
        Archive::open(shared.clone(), Path::new("/archive"), &ring, tenant, ArchiveOptions::default())
            .ok()?;
    let list = FileLog::open(shared, Path::new("/quarantine"), FileLogOptions::default()).ok()?;
    let quarantine = Quarantine::open(Box::new(list), ring.clone(), tenant).ok()?;
    let archive = Arc::new(archive);
    let ingest = Ingest::new(IngestParts {
        store: store.clone(),
        archive: archive.clone(),
        quarantine,
        ring,
        clock,
        tenant,
        channels,
    })
    .unwrap();
    Some(Bench { ingest, store, archive, parts })
}

impl Bench {
    pub(crate) fn channel(&self, name: &str) -> Arc<Channel> {
        self.ingest.channel(name).unwrap()
    }

    pub(crate) fn send(&self, channel: &str, bytes: &[u8]) -> Outcome {
        self.ingest.receive(&self.channel(channel), bytes).outcome
    }

    pub(crate) fn access(&self) -> Access {
        self.store.access(Caller {
            actor: Actor::system("tester"),
            purpose: Purpose::Treatment,
            home: TenantId::DEFAULT,
            tenant: TenantId::DEFAULT,
            scopes: Scopes::parse("system/*.cruds").unwrap(),
            launch_patient: None,
            masked: None,
            token: None,
            request_id: "r".to_owned(),
            source: "test".to_owned(),
        })
    }

    /// All versions of all resources, newest first.
    pub(crate) fn history(&self) -> Vec<Versioned> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let options = HistoryOptions { count: Some(500), cursor, since_ms: None };
            let page = self.access().history(&HistoryTarget::System, &options).unwrap();
            all.extend(page.entries.into_iter().map(|entry| entry.versioned));
            cursor = page.next;
            if cursor.is_none() {
                return all;
            }
        }
    }

    /// How many versions the store holds, of all resources.
    pub(crate) fn versions(&self) -> u64 {
        self.history().len() as u64
    }

    /// Messages in quarantine: channel and cause.
    pub(crate) fn aside(&self) -> Vec<(String, &'static str)> {
        let list = self.ingest.quarantined(None);
        list.into_iter().map(|entry| (entry.channel, entry.reason.cause.word())).collect()
    }

    /// The index is what the log says, and no reference leads nowhere.
    pub(crate) fn check(&self) {
        let Parts { log, engine, ring, .. } = self.parts.clone();
        let dangling =
            repository::dangling(log.clone(), engine.clone(), ring.clone(), TenantId::DEFAULT, &mut |_| {});
        assert_eq!(dangling.unwrap(), [], "references that lead nowhere");
        let reports = repository::verify(log, engine, ring, &mut |_| {}).unwrap();
        assert!(reports.iter().all(repository::SpaceReport::is_clean), "{reports:?}");
    }
}

/// An A08 of patient `mrn`.
pub(crate) fn adt(control_id: &str, mrn: &str, family: &str) -> Vec<u8> {
    adt_with(control_id, mrn, family, "2.5.1", "")
}

/// `modes` are MSH-13 and on: `||AL|NE`.
pub(crate) fn adt_with(control_id: &str, mrn: &str, family: &str, version: &str, modes: &str) -> Vec<u8> {
    format!(
        "MSH|^~\\&|ADT|NORTH|WARD|WARD|20260102030405+0000||ADT^A08^ADT_A01|{control_id}|P|{version}{modes}\r\
         EVN|A08|20260102030405+0000\r\
         PID|1||{mrn}^^^NORTH&2.999.10.1&ISO^MR||{family}^Ada||19800102|F\r\
         PV1|1|N\r"
    )
    .into_bytes()
}

pub(crate) fn patient(id: &str, family: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"{family}"}}]}}"#)
}

pub(crate) fn observation(id: &str, patient: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"Pulse"}},"subject":{{"reference":"Patient/{patient}"}}}}"#
    )
}

pub(crate) fn json(bytes: &[u8]) -> Value {
    json::parse(bytes, &json::Limits::default()).unwrap()
}

pub(crate) fn is_committed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Committed { .. })
}

/// The cause of a quarantine or refusal; the outcome's word otherwise.
pub(crate) fn cause(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Quarantined(reason) | Outcome::Refused(reason) => reason.cause.word(),
        other => other.word(),
    }
}

/// MSA-1, MSA-2 and the text of ERR (or of MSA-3, before v2.5) of an answer.
pub(crate) fn told(answer: &[u8]) -> (String, String, String) {
    let parsed = hl7v2::parse(answer, &hl7v2::ParseOptions::default()).unwrap();
    let text = |place: &str| parsed.message.get(place).map(|found| found.into_owned()).unwrap_or_default();
    let words = [text("ERR-8"), text("MSA-3")].concat();
    (text("MSA-1"), text("MSA-2"), words)
}
