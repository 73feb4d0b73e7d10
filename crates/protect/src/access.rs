//! Who asks, why, with which rights; and the decision.
//!
//! [`decide`] is pure: it looks at the [`Facts`] and nothing else. The order of its stages is the order of decision of
//! the design; legal restriction, consent, labels, roles and policies will join as stages between the tenant wall and the
//! scopes. A stage can only deny, so a new one never widens access.
//!
//! Source: 45 CFR 164.312(a)(1); SMART App Launch 2.2, scopes; HL7 v3 PurposeOfUse.

use std::fmt;

use storage::keys::TenantId;

mod scope;

pub use scope::{Context, Permissions, Right, Scope, ScopeError, Scopes};

/// What kind of party acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActorKind {
    /// A person.
    User,
    /// A program: a backend service, a job of Ward.
    System,
    /// A thing that sends: an analyser, a modality, an interface engine.
    Device,
}

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Actor {
    /// Person, program or thing.
    pub kind: ActorKind,
    /// A stable name, unique in the tenant.
    pub id: String,
    /// For people to read; may be empty.
    pub display: String,
}

impl Actor {
    /// A program of this name.
    pub fn system(id: impl Into<String>) -> Self {
        Self { kind: ActorKind::System, id: id.into(), display: String::new() }
    }
}

macro_rules! purposes {
    ($($(#[$doc:meta])* $name:ident $code:literal $number:literal),* $(,)?) => {
        /// Why somebody acts: codes of the HL7 v3 value set PurposeOfUse
        /// (`http://terminology.hl7.org/CodeSystem/v3-ActReason`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
        pub enum Purpose {
            $($(#[$doc])* $name),*
        }

        impl Purpose {
            /// All purposes, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// The purpose of a code, as written in the standard (upper case).
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            /// A number that stays the same for ever, for rows on disk.
            pub(crate) fn number(self) -> u8 {
                match self { $(Self::$name => $number),* }
            }

            pub(crate) fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

purposes! {
    /// Treatment.
    #[default]
    Treatment "TREAT" 1,
    /// Emergency treatment.
    EmergencyTreatment "ETREAT" 2,
    /// Break the glass.
    BreakTheGlass "BTG" 3,
    /// Payment.
    Payment "HPAYMT" 4,
    /// Health-care operations.
    Operations "HOPERAT" 5,
    /// Administration of records.
    RecordManagement "RECORDMGT" 6,
    /// Research.
    Research "HRESCH" 7,
    /// Public health.
    PublicHealth "PUBHLTH" 8,
    /// Patient requested.
    PatientRequested "PATRQT" 9,
    /// Family requested.
    FamilyRequested "FAMRQT" 10,
    /// Power of attorney.
    PowerOfAttorney "PWATRNY" 11,
    /// Support network.
    SupportNetwork "SUPNWK" 12,
    /// Care management.
    CareManagement "CAREMGT" 13,
    /// Health-care marketing.
    Marketing "HMARKT" 14,
    /// System administration.
    SystemAdministration "HSYSADMIN" 15,
    /// Legal.
    Legal "HLEGAL" 16,
    /// Quality improvement.
    QualityImprovement "HQUALIMP" 17,
    /// Health compliance and audit.
    Compliance "HCOMPL" 18,
    /// Training.
    Training "TRAIN" 19,
    /// Threat to health or safety.
    Threat "THREAT" 20,
}

macro_rules! interactions {
    ($($(#[$doc:meta])* $name:ident $code:literal $number:literal $permission:expr),* $(,)?) => {
        /// What somebody does: the interactions of the FHIR RESTful API, and Ward's own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Interaction {
            $($(#[$doc])* $name),*
        }

        impl Interaction {
            /// All interactions.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code: of <http://hl7.org/fhir/restful-interaction> where it has one.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// The interaction of a code.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            pub(crate) fn number(self) -> u8 {
                match self { $(Self::$name => $number),* }
            }

            pub(crate) fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            /// What of a scope it needs. Nothing for the envelope of a batch or transaction (each entry is decided by
            /// itself) and for what shows no resource.
            pub fn permission(self) -> Permissions {
                match self { $(Self::$name => $permission),* }
            }
        }
    };
}

interactions! {
    /// The current version of a resource.
    Read "read" 1 Permissions::READ,
    /// A named version.
    Vread "vread" 2 Permissions::READ,
    /// All versions of a resource.
    HistoryInstance "history-instance" 3 Permissions::READ,
    /// All versions of a type.
    HistoryType "history-type" 4 Permissions::SEARCH,
    /// All versions of everything.
    HistorySystem "history-system" 5 Permissions::SEARCH,
    /// A new resource.
    Create "create" 6 Permissions::CREATE,
    /// A new version.
    Update "update" 7 Permissions::UPDATE,
    /// A new version, by its difference.
    Patch "patch" 8 Permissions::UPDATE,
    /// A tombstone.
    Delete "delete" 9 Permissions::DELETE,
    /// A search of one type.
    SearchType "search-type" 10 Permissions::SEARCH,
    /// A search of all types.
    SearchSystem "search-system" 11 Permissions::SEARCH,
    /// All or nothing.
    Transaction "transaction" 12 Permissions::NONE,
    /// One by one.
    Batch "batch" 13 Permissions::NONE,
    /// The capability statement.
    Capabilities "capabilities" 14 Permissions::NONE,
    /// A named operation.
    Operation "operation" 15 Permissions::READ,
    /// A message came in over a channel. What it may do is known only when it is mapped, so it needs all that writes.
    Ingest "ingest" 16 Permissions::WRITE,
    /// A log-in, or the use of a token that is not good.
    Login "login" 17 Permissions::NONE,
    /// A token was made or revoked.
    Token "token" 18 Permissions::NONE,
    /// A key was rotated or destroyed.
    Key "key" 19 Permissions::NONE,
    /// The audit log was read.
    Audit "audit" 20 Permissions::NONE,
    /// Ward started or stopped, or its configuration changed.
    System "system" 21 Permissions::NONE,
    /// Something was masked. What is masked is the caller's own: it shows no resource.
    Mask "mask" 22 Permissions::NONE,
    /// What was masked was led back. A right of its own: see [`Interaction::right`].
    Reveal "reveal" 23 Permissions::NONE,
    /// It was looked for leaks, or at what was found. Findings are about everything, so they are the administrator's.
    Scan "scan" 24 Permissions::ALL,
    /// An object of the archive, as it came in. It may hold anything, so it needs the right to read all types.
    Archive "archive" 25 Permissions::READ,
    /// A masked object of the archive: who may read all types may read it, and who has the right for it alone.
    ArchiveMasked "archive-masked" 26 Permissions::READ,
}

impl Interaction {
    /// The right of Ward's own that an interaction goes by; a scope names it, and no other scope implies it.
    pub fn right(self) -> Option<Right> {
        match self {
            Self::Reveal => Some(Right::Reveal),
            Self::ArchiveMasked => Some(Right::MaskedObjects),
            _ => None,
        }
    }
}

/// All that a decision looks at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The tenant that the caller belongs to.
    pub caller_tenant: TenantId,
    /// The tenant that the resource belongs to.
    pub tenant: TenantId,
    /// Who asks.
    pub actor: &'a Actor,
    /// Why.
    pub purpose: Purpose,
    /// What was granted.
    pub scopes: &'a Scopes,
    /// What is asked for.
    pub interaction: Interaction,
    /// The type of the resource; `None` for what concerns all types.
    pub resource_type: Option<&'a str>,
    /// The patient of the launch context, within whose compartment `patient/` scopes hold.
    pub launch_patient: Option<&'a str>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Permit,
    /// Go on, within the compartment of this patient: only a `patient/` scope grants it.
    PermitWithin {
        /// The logical id of the Patient.
        patient: String,
    },
    /// Refuse.
    Deny {
        /// Why; safe to tell the caller.
        reason: DenyReason,
    },
}

impl Decision {
    /// Whether the caller may go on without bounds.
    pub fn is_permit(&self) -> bool {
        matches!(self, Self::Permit)
    }
}

/// Why access is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DenyReason {
    /// The resource belongs to another tenant.
    Tenant,
    /// No scope grants it.
    Scope {
        /// What was asked for.
        interaction: Interaction,
        /// On which type; `None` for all.
        resource_type: Option<String>,
    },
    /// Only `patient/` scopes would grant it, and no patient is in the launch context.
    LaunchPatient,
    /// It needs a right that no other scope implies.
    Right {
        /// Which one.
        right: Right,
    },
}

impl fmt::Display for DenyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant => f.write_str("the resource belongs to another tenant"),
            Self::Scope { interaction, resource_type } => {
                let (code, on) = (interaction.code(), resource_type.as_deref().unwrap_or("all types"));
                write!(f, "no scope grants `{code}` on {on}")
            }
            Self::Right { right } => write!(f, "it needs the scope `{right}`, which no other scope implies"),
            Self::LaunchPatient => f.write_str("a `patient/` scope needs a patient in the launch context"),
        }
    }
}

/// What a stage says: refuse, or ask the next.
type Stage = fn(&Facts<'_>) -> Option<DenyReason>;

/// The stages that can only refuse, in the order of decision. Legal restriction, consent and labels belong here.
const STAGES: &[Stage] = &[tenant_wall];

/// Decides.
pub fn decide(facts: &Facts<'_>) -> Decision {
    match STAGES.iter().find_map(|stage| stage(facts)) {
        Some(reason) => Decision::Deny { reason },
        None => scopes(facts),
    }
}

fn tenant_wall(facts: &Facts<'_>) -> Option<DenyReason> {
    (facts.caller_tenant != facts.tenant).then_some(DenyReason::Tenant)
}

fn scopes(facts: &Facts<'_>) -> Decision {
    let needed = facts.interaction.permission();
    if let Some(right) = facts.interaction.right() {
        if facts.scopes.has(right) {
            return Decision::Permit;
        }
        if needed == Permissions::NONE {
            return Decision::Deny { reason: DenyReason::Right { right } };
        }
    }
    if needed == Permissions::NONE {
        return Decision::Permit;
    }
    let grants = |context| facts.scopes.grants(context, facts.resource_type, needed);
    if grants(Context::System) || grants(Context::User) {
        return Decision::Permit;
    }
    if !grants(Context::Patient) {
        let resource_type = facts.resource_type.map(str::to_owned);
        return Decision::Deny {
            reason: DenyReason::Scope { interaction: facts.interaction, resource_type },
        };
    }
    match facts.launch_patient {
        Some(patient) => Decision::PermitWithin { patient: patient.to_owned() },
        None => Decision::Deny { reason: DenyReason::LaunchPatient },
    }
}

#[cfg(test)]
mod tests;
