//! What is scanned, how often, and who is told.

use std::path::PathBuf;

use mask::scan::{Rules, Selection, Severity};
use mask::{Profile, Tier};
use protect::access::{Actor, Purpose, Scopes};
use repository::{Caller, TenantId};

/// One scan of the configuration.
#[derive(Clone, Debug, Default)]
pub struct ScanSpec {
    /// Its name: letters, digits, `-` and `_`.
    pub name: String,
    /// The free texts of the store's resources.
    pub fhir: bool,
    /// The objects of the archive: free texts of what came in, all of what was masked.
    pub archive: bool,
    /// The free texts of finished exports.
    pub exports: bool,
    /// Files and folders, all of them; log files too.
    pub folders: Vec<PathBuf>,
    /// From one beginning to the next, in milliseconds.
    pub every_ms: i64,
    /// Which resources (`fhir/Observation/1`), objects (`archive/raw/…`), exports and files.
    pub selection: Selection,
    /// Recognisers of one's own, what is never a finding, what is known.
    pub rules: Rules,
    /// How much work.
    pub tier: Tier,
    /// What counts.
    pub profile: Profile,
    /// Who is told of what is new.
    pub alert: Option<Alert>,
}

/// From which severity on new findings are told.
#[derive(Clone, Debug)]
pub struct Alert {
    /// The least that counts.
    pub severity: Severity,
    /// Where to POST it; without, only the logs tell.
    pub url: Option<String>,
}

impl ScanSpec {
    /// Who a scan is, for decisions and the audit log.
    pub(crate) fn caller(&self) -> Caller {
        Caller {
            actor: Actor::system(format!("scan/{}", self.name)),
            purpose: Purpose::Compliance,
            home: TenantId::DEFAULT,
            tenant: TenantId::DEFAULT,
            scopes: Scopes::all(),
            launch_patient: None,
            masked: None,
            token: None,
            request_id: String::new(),
            source: "scan".to_owned(),
        }
    }
}
