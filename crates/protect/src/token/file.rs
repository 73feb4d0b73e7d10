//! The file `tokens`: all records of a store in one sealed value, replaced whole.
//!
//! Inside: a version, then JSON of the rows below. It is small (some hundred bytes a token) and rarely written. The version is 1, or
//! 2 if there is a token of the masked view: a program that knows nothing of the view must not take such a token for another.

use serde::{Deserialize, Serialize};
use storage::keys::TenantId;

use super::{TokenError, TokenId, TokenRecord, TokenSpec};
use crate::access::{Actor, ActorKind, Purpose, Scopes};

const VERSION: u32 = 1;
/// The version with `masked` in rows.
const MASKED_VERSION: u32 = 2;

/// A record with the hash of its secret.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) record: TokenRecord,
    pub(super) secret_hash: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct FileShape {
    version: u32,
    tokens: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    id: String,
    secret_sha256: String,
    created_ms: i64,
    expires_ms: Option<i64>,
    revoked_ms: Option<i64>,
    tenant: u32,
    purpose: String,
    scope: String,
    actor_kind: String,
    actor_id: String,
    actor_display: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    masked: Option<String>,
}

fn kind_word(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::User => "user",
        ActorKind::System => "system",
        ActorKind::Device => "device",
    }
}

pub(super) fn write<'a>(tokens: impl Iterator<Item = &'a Kept>) -> Result<Vec<u8>, TokenError> {
    let tokens: Vec<Row> = tokens
        .map(|Kept { record, secret_hash }| Row {
            id: record.id.to_string(),
            secret_sha256: hex::encode(secret_hash),
            created_ms: record.created_ms,
            expires_ms: record.spec.expires_ms,
            revoked_ms: record.revoked_ms,
            tenant: record.spec.tenant.0,
            purpose: record.spec.purpose.code().to_owned(),
            scope: record.spec.scopes.to_string(),
            actor_kind: kind_word(record.spec.actor.kind).to_owned(),
            actor_id: record.spec.actor.id.clone(),
            actor_display: record.spec.actor.display.clone(),
            masked: record.spec.masked.clone(),
        })
        .collect();
    let is_masked = tokens.iter().any(|token| token.masked.is_some());
    let version = if is_masked { MASKED_VERSION } else { VERSION };
    serde_json::to_vec(&FileShape { version, tokens }).map_err(|_| TokenError::Damaged)
}

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Kept>, TokenError> {
    let file: FileShape = serde_json::from_slice(bytes).map_err(|_| TokenError::Damaged)?;
    let is_known = match file.version {
        VERSION => file.tokens.iter().all(|token| token.masked.is_none()),
        version => version == MASKED_VERSION,
    };
    if !is_known {
        return Err(TokenError::Damaged);
    }
    file.tokens.into_iter().map(|row| kept(row).ok_or(TokenError::Damaged)).collect()
}

fn kept(row: Row) -> Option<Kept> {
    let kinds = [ActorKind::User, ActorKind::System, ActorKind::Device];
    let kind = kinds.into_iter().find(|kind| kind_word(*kind) == row.actor_kind)?;
    let mut secret_hash = [0; 32];
    hex::decode_to_slice(&row.secret_sha256, &mut secret_hash).ok()?;
    let spec = TokenSpec {
        scopes: Scopes::parse(&row.scope).ok()?,
        actor: Actor { kind, id: row.actor_id, display: row.actor_display },
        tenant: TenantId(row.tenant),
        purpose: Purpose::from_code(&row.purpose)?,
        masked: row.masked,
        expires_ms: row.expires_ms,
    };
    let record = TokenRecord {
        id: TokenId::parse(&row.id)?,
        created_ms: row.created_ms,
        revoked_ms: row.revoked_ms,
        spec,
    };
    Some(Kept { record, secret_hash })
}
