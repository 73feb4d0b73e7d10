//! `ward mask reveal`: leads back what was masked with the key of the data folder so that it can be: ids encrypted in their format,
//! values of the method `encrypt`, shifted dates. The keys of the folder are proof enough; the audit event is written first.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use mask::SHIFT_DAYS_MAX;
use mask::transform::{Day, Reversal, ShiftOptions};
use protect::access::{Actor, ActorKind, Interaction, Purpose};
use protect::audit::{Event, record_once};
use server::MaskSecret;
use storage::keys::TenantId;

use crate::Common;
use crate::failure::{During, Failure, Result};
use crate::home::Base;
use crate::root;

/// What `ward mask reveal` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What is led back
    #[arg(required = true)]
    values: Vec<String>,
    /// How it was masked
    #[arg(long, value_enum)]
    method: Method,
    /// What for: a code of HL7 v3 PurposeOfUse, such as PATRQT or HLEGAL; stands in the audit log
    #[arg(long, value_parser = purpose)]
    purpose: Purpose,
    /// Who asks; stands in the audit log
    #[arg(long, default_value = "administrator")]
    name: String,
    /// Of ids, the kind that they were encrypted as, such as MRN
    #[arg(long = "type", value_name = "TYPE", required_if_eq("method", "id"))]
    kind: Option<String>,
    /// Of dates, the patient that they were shifted with, such as Patient/123
    #[arg(long, value_name = "REFERENCE", required_if_eq("method", "date"))]
    patient: Option<String>,
}

/// How something was masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    /// An id, encrypted in its format
    Id,
    /// A value of the method `encrypt`
    Encrypt,
    /// A date, shifted with a patient
    Date,
}

impl Method {
    fn word(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Encrypt => "encrypt",
            Self::Date => "date",
        }
    }
}

fn purpose(code: &str) -> Result<Purpose, String> {
    Purpose::from_code(code).ok_or_else(|| "it is a code such as TREAT, PATRQT or HLEGAL".to_owned())
}

/// Leads back, a line each.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Result {
    let base = Base::open(&common.data, &root::source(common)?)?;
    let key = base.ring.mask_key(TenantId::DEFAULT).during("the key for masking could not be had")?;
    let secret = MaskSecret::new(key);
    let reversal = Reversal::new(&secret);
    let today = Day::of_time(base.clock.now_ms());
    let led: Vec<Option<String>> =
        arguments.values.iter().map(|value| lead(&reversal, arguments, value, today)).collect();
    let found = led.iter().flatten().count();
    // What is not in the audit log is not shown.
    record(&base, arguments, found)?;
    for value in &led {
        say!("{}", value.as_deref().unwrap_or_default());
    }
    if found < led.len() {
        return Err(Failure::new(format!("{} of {} could not be led back", led.len() - found, led.len()))
            .hint("this folder's key did not make them, or `--method`, `--type` or `--patient` is another"));
    }
    Ok(())
}

fn lead(reversal: &Reversal<'_>, arguments: &Arguments, value: &str, today: Day) -> Option<String> {
    match arguments.method {
        Method::Id => reversal.id(arguments.kind.as_deref()?, value),
        Method::Encrypt => reversal.value(value),
        Method::Date => {
            let options = ShiftOptions { days_max: SHIFT_DAYS_MAX, ..ShiftOptions::new(today) };
            let shift = reversal.dates(arguments.patient.as_deref()?, &options);
            shift.fhir(value).or_else(|| shift.compact(value)).or_else(|| shift.text(value))
        }
    }
}

fn record(base: &Base, arguments: &Arguments, found: usize) -> Result {
    let actor = Actor { kind: ActorKind::User, id: arguments.name.clone(), display: String::new() };
    let (now_ms, tenant) = (base.clock.now_ms(), TenantId::DEFAULT);
    let mut event = Event::new(now_ms, tenant, actor, arguments.purpose, Interaction::Reveal);
    event.source = "ward mask reveal".to_owned();
    event.detail = format!("reveal: {}={found} of {}", arguments.method.word(), arguments.values.len());
    let (disk, clock) = (Arc::clone(&base.disk), Arc::clone(&base.clock));
    record_once(disk, &base.layout.audit(), &base.ring, clock, &event)
        .during("the audit event could not be written, so nothing is shown")
}
