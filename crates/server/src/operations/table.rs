//! The table of all operations: the capability statement and the OpenAPI description are told from it.

/// One operation.
#[derive(Debug)]
pub(crate) struct Operation {
    /// Its name without the `$`.
    pub(crate) name: &'static str,
    /// The canonical URL of its definition.
    pub(crate) definition: &'static str,
    /// Whether it is there at the base.
    pub(crate) system: bool,
    /// The types that it is there for: none, these, or (`Resource`) all.
    pub(crate) types: &'static [&'static str],
    /// Whether it is there after `Type/id`.
    pub(crate) instance: bool,
    /// Whether it is there after `Type`.
    pub(crate) type_level: bool,
    /// Whether it changes anything; such an operation takes POST alone.
    pub(crate) affects_state: bool,
}

const SYSTEM: u8 = 1;
const TYPE: u8 = 2;
const INSTANCE: u8 = 4;
const READS: bool = false;
const WRITES: bool = true;

const fn row(
    name: &'static str,
    definition: &'static str,
    types: &'static [&'static str],
    levels: u8,
    affects_state: bool,
) -> Operation {
    Operation {
        name,
        definition,
        system: levels & SYSTEM != 0,
        types,
        instance: levels & INSTANCE != 0,
        type_level: levels & TYPE != 0,
        affects_state,
    }
}

/// Writes the canonical URLs of R4's own definitions whole.
macro_rules! r4 {
    ($id:literal) => {
        concat!("http://hl7.org/fhir/OperationDefinition/", $id)
    };
}

/// Those of Bulk Data Access.
macro_rules! bulk {
    ($id:literal) => {
        concat!("http://hl7.org/fhir/uv/bulkdata/OperationDefinition/", $id)
    };
}

/// Those of Subscriptions R5 Backport.
macro_rules! subscriptions {
    ($id:literal) => {
        concat!(
            "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-",
            $id
        )
    };
}

/// All operations. One line each.
#[rustfmt::skip]
pub(crate) const OPERATIONS: &[Operation] = &[
    row("everything", r4!("Patient-everything"), &["Patient"], INSTANCE, READS),
    row("everything", r4!("Encounter-everything"), &["Encounter"], INSTANCE, READS),
    row("export", bulk!("export"), &[], SYSTEM, READS),
    row("export", bulk!("patient-export"), &["Patient"], TYPE, READS),
    row("export", bulk!("group-export"), &["Group"], INSTANCE, READS),
    row("import", "urn:ward:operation:import", &[], SYSTEM, WRITES),
    row("graphql", r4!("Resource-graphql"), &["Resource"], SYSTEM | INSTANCE, READS),
    row("meta", r4!("Resource-meta"), &["Resource"], INSTANCE, READS),
    row("meta-add", r4!("Resource-meta-add"), &["Resource"], INSTANCE, WRITES),
    row("meta-delete", r4!("Resource-meta-delete"), &["Resource"], INSTANCE, WRITES),
    row("diff", "urn:ward:operation:diff", &["Resource"], SYSTEM | INSTANCE, READS),
    row("document", r4!("Composition-document"), &["Composition"], INSTANCE, READS),
    row("lastn", r4!("Observation-lastn"), &["Observation"], TYPE, READS),
    row("expand", r4!("ValueSet-expand"), &["ValueSet"], TYPE | INSTANCE, READS),
    row("validate-code", r4!("ValueSet-validate-code"), &["ValueSet"], TYPE | INSTANCE, READS),
    row("validate-code", r4!("CodeSystem-validate-code"), &["CodeSystem"], TYPE | INSTANCE, READS),
    row("lookup", r4!("CodeSystem-lookup"), &["CodeSystem"], TYPE, READS),
    row("subsumes", r4!("CodeSystem-subsumes"), &["CodeSystem"], TYPE | INSTANCE, READS),
    row("translate", r4!("ConceptMap-translate"), &["ConceptMap"], TYPE | INSTANCE, READS),
    row("validate", r4!("Resource-validate"), &["Resource"], TYPE | INSTANCE, READS),
    row("purge", r4!("Patient-purge"), &["Patient"], INSTANCE, WRITES),
    row("erase", r4!("Patient-purge"), &["Patient"], INSTANCE, WRITES),
    row("status", subscriptions!("status"), &["Subscription"], TYPE | INSTANCE, READS),
    row("events", subscriptions!("events"), &["Subscription"], INSTANCE, READS),
    row("get-ws-binding-token", subscriptions!("get-ws-binding-token"), &["Subscription"], TYPE | INSTANCE, READS),
    row("reindex", "urn:ward:operation:reindex", &["SearchParameter"], SYSTEM | TYPE | INSTANCE, READS),
];
