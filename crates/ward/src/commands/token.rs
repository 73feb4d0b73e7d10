//! `ward token create|list|revoke`.

use clap::Subcommand;
use mask::Profile;
use protect::access::{Actor, ActorKind, Permissions, Purpose, Scopes};
use protect::token::{TokenId, TokenSpec};
use storage::keys::TenantId;

use crate::Common;
use crate::failure::{During, Failure, Result};
use crate::home::Base;
use crate::output::{self, Format};
use crate::root;

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a token and print it, once
    Create {
        /// SMART scopes, such as "system/*.cruds" or "system/Patient.rs system/Observation.rs"
        #[arg(long)]
        scope: String,
        /// Who will bear it; stands in the audit log
        #[arg(long, default_value = "administrator")]
        name: String,
        /// Show the bearer everything masked, by this profile, such as safe-harbor or limited-dataset: for research
        #[arg(long, value_name = "PROFILE", value_parser = super::mask::profile)]
        masked: Option<mask::Profile>,
        /// Days until it expires
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=3650))]
        days: u16,
    },
    /// List tokens, without their secrets
    List {
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// End a token
    Revoke {
        /// The id that `ward token list` shows
        id: String,
    },
}

/// Runs it. A server that runs on the folder takes notice within a second.
pub(crate) fn run(common: &Common, verb: &Verb) -> Result {
    let base = Base::open(&common.data, &root::source(common)?)?;
    match verb {
        Verb::Create { scope, name, masked, days } => {
            say!("{}", create(&base, scope, name, *masked, *days)?.1);
            Ok(())
        }
        Verb::List { format } => list(&base, *format),
        Verb::Revoke { id } => {
            let id = TokenId::parse(id).ok_or_else(|| {
                Failure::usage("this is no id of a token: 16 hexadecimal digits")
                    .hint("`ward token list` shows the ids")
            })?;
            base.tokens()?
                .revoke(id)
                .during("the token could not be revoked")
                .map_err(|failure| failure.hint("`ward token list` shows the ids"))
        }
    }
}

/// Makes a token; gives its id and its secret.
pub(crate) fn create(
    base: &Base,
    scope: &str,
    name: &str,
    masked: Option<Profile>,
    days: u16,
) -> Result<(TokenId, String)> {
    let scopes = Scopes::parse(scope).map_err(|error| {
        Failure::usage(format!("the scope is not understood: {error}"))
            .hint("scopes look like `system/*.cruds`, `user/Patient.rs` or `patient/Observation.r`")
    })?;
    let unknown = |name: &&str| !fhir::definitions::is_resource(name);
    if let Some(name) = scopes.iter().filter_map(|scope| scope.resource_type.as_deref()).find(unknown) {
        return Err(Failure::usage(format!(
            "the scope names `{name}`, which is no resource type of FHIR R4"
        ))
        .hint("types are written like `Patient` or `Observation`; `*` is every type"));
    }
    if scopes.is_empty() {
        return Err(Failure::usage("the scope grants nothing").hint("`system/*.cruds` grants everything"));
    }
    let shows = Permissions::READ.and(Permissions::SEARCH);
    if masked.is_some() && scopes.iter().any(|scope| !shows.contains(scope.permissions)) {
        return Err(Failure::usage("who may only see masked can write nothing")
            .hint("give `--masked` scopes of reading and searching, such as `system/*.rs`"));
    }
    let days_ms = i64::from(days) * 86_400_000;
    let spec = TokenSpec {
        scopes,
        actor: Actor { kind: ActorKind::System, id: name.to_owned(), display: String::new() },
        tenant: TenantId::DEFAULT,
        purpose: if masked.is_some() { Purpose::Research } else { Purpose::Treatment },
        masked: masked.map(|profile| profile.as_str().to_owned()),
        expires_ms: Some(base.clock.now_ms() + days_ms),
    };
    base.tokens()?.create(spec).during("the token could not be made")
}

fn list(base: &Base, format: Format) -> Result {
    let records = base.tokens()?.list().during("the tokens could not be read")?;
    let now_ms = base.clock.now_ms();
    let state = |record: &protect::token::TokenRecord| {
        let expired = record.spec.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms);
        if record.revoked_ms.is_some() {
            "revoked"
        } else if expired {
            "expired"
        } else {
            "good"
        }
    };
    if format == Format::Json {
        let rows: Vec<_> = records
            .iter()
            .map(|record| {
                serde_json::json!({
                    "id": record.id.to_string(),
                    "name": record.spec.actor.id,
                    "scope": record.spec.scopes.to_string(),
                    "masked": record.spec.masked,
                    "created": output::time(record.created_ms),
                    "expires": record.spec.expires_ms.map(output::time),
                    "state": state(record),
                })
            })
            .collect();
        say!("{}", serde_json::Value::from(rows));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|record| {
            vec![
                record.id.to_string(),
                record.spec.actor.id.clone(),
                record.spec.scopes.to_string(),
                record.spec.masked.clone().unwrap_or_default(),
                record.spec.expires_ms.map(output::time).unwrap_or_default(),
                state(record).to_owned(),
            ]
        })
        .collect();
    output::table(&["id", "name", "scope", "masked", "expires", "state"], &rows);
    Ok(())
}
