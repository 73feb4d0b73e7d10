//! A tenant's index, read: numbers of ids, rows, versions. The commit path and search read through here; callers outside
//! the crate cannot (they have `Access`).

use std::sync::{Arc, OnceLock};

use compact_str::CompactString;
use fhir::search::Registry;
use storage::engine::Reader as Engine;
use storage::keys::{IndexKey, KeyError};
use storage::seal::{self, SealError};

use crate::body::{Body, Payload};
use crate::codec::Reader;
use crate::core::Core;
use crate::error::{Error, ErrorKind, Result};
use crate::layout;
use crate::parameters::Parameters;
use crate::row::{Head, Row};
use crate::search::Codes;
use crate::types::{Seen, Versioned};

/// A tenant's keys and one state of the index.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) reader: Arc<dyn Engine>,
    pub(crate) core: Arc<Core>,
    pub(crate) keys: Arc<TenantKeys>,
    pub(crate) tenant: u32,
    parameters: OnceLock<Arc<Parameters>>,
}

/// What hides a tenant's ids and terms.
pub(crate) struct TenantKeys {
    pub(crate) index_key: Arc<IndexKey>,
    pub(crate) codes: Codes,
}

impl View {
    pub(crate) fn new(reader: Arc<dyn Engine>, core: Arc<Core>, keys: Arc<TenantKeys>, tenant: u32) -> Self {
        Self { reader, core, keys, tenant, parameters: OnceLock::new() }
    }

    /// The same tenant through another reader, with the same search parameters.
    pub(crate) fn through(&self, reader: Arc<dyn Engine>) -> Self {
        Self { reader, ..self.clone() }
    }

    /// The tenant's search parameters, as this state of the index has them; fixed once they were asked for.
    pub(crate) fn registry(&self) -> Result<&Arc<Registry>> {
        Ok(&self.parameters()?.registry)
    }

    /// The same, with the states of the tenant's own.
    pub(crate) fn parameters(&self) -> Result<&Arc<Parameters>> {
        if let Some(known) = self.parameters.get() {
            return Ok(known);
        }
        let loaded = Parameters::load(self)?;
        Ok(self.parameters.get_or_init(|| loaded))
    }

    /// The keyed hash under which an id stands in the index.
    pub(crate) fn id_hash(&self, type_code: u16, id: &str) -> [u8; 16] {
        self.keys.index_key.keyed_hash16(&[b"id", &type_code.to_be_bytes(), id.as_bytes()])
    }

    /// The keyed hash under which a message identity stands in the index.
    pub(crate) fn message_hash(&self, identity: &[u8]) -> [u8; 16] {
        self.keys.index_key.keyed_hash16(&[b"message", identity])
    }

    /// The resource number of an id, whether or not anything was written under it yet.
    pub(crate) fn number(&self, type_code: u16, id: &str) -> Result<Option<u64>> {
        self.number_of_hash(&self.id_hash(type_code, id))
    }

    pub(crate) fn number_of_hash(&self, hash: &[u8; 16]) -> Result<Option<u64>> {
        let value = self.reader.get(layout::ID, &layout::id_key(self.tenant, hash)).map_err(engine)?;
        value.map(|value| Reader::new(&value).varint().map_err(corrupt)).transpose()
    }

    /// The current row of a resource; `None` if nothing was ever written.
    pub(crate) fn row(&self, type_code: u16, number: u64) -> Result<Option<Row>> {
        let key = layout::current_key(self.tenant, type_code, number);
        let value = self.reader.get(layout::CURRENT, &key).map_err(engine)?;
        value.map(|value| Row::read(&value).map_err(corrupt)).transpose()
    }

    /// The version of the current row, without its body.
    pub(crate) fn version_of(&self, type_code: u16, number: u64) -> Result<Option<u64>> {
        let key = layout::current_key(self.tenant, type_code, number);
        let value = self.reader.get(layout::CURRENT, &key).map_err(engine)?;
        value.map(|value| Head::read(&value).map(|head| head.version).map_err(corrupt)).transpose()
    }

    /// Whether a resource exists under the id of this hash and is not deleted.
    pub(crate) fn is_live(&self, type_code: u16, id_hash: &[u8; 16]) -> Result<bool> {
        let Some(number) = self.number_of_hash(id_hash)? else { return Ok(false) };
        let key = layout::current_key(self.tenant, type_code, number);
        let Some(value) = self.reader.get(layout::CURRENT, &key).map_err(engine)? else { return Ok(false) };
        Head::read(&value).map(|head| !head.deleted).map_err(corrupt)
    }

    /// The row of one version, superseded or current.
    pub(crate) fn row_of_version(&self, type_code: u16, number: u64, version: u64) -> Result<Option<Row>> {
        if let Some(row) = self.row(type_code, number)?
            && row.version == version
        {
            return Ok(Some(row));
        }
        let key = layout::version_key(self.tenant, number, version);
        let value = self.reader.get(layout::VERSION, &key).map_err(engine)?;
        value.map(|value| Row::read(&value).map_err(corrupt)).transpose()
    }

    /// What a row's sealed payload holds.
    pub(crate) fn payload(
        &self,
        type_code: u16,
        number: u64,
        version: u64,
        sealed: &[u8],
    ) -> Result<Payload> {
        let [tenant, kind, number, version] = aad(self.tenant, type_code, number, version);
        let opened = seal::open_with(&self.core.ring, &[b"body", &tenant, &kind, &number, &version], sealed);
        let payload = opened.map_err(|error| match error {
            SealError::Key(KeyError::KeyShredded(_)) => {
                Error::new(ErrorKind::Gone, "the content of this resource was erased")
            }
            error => Error::internal(ErrorKind::Corrupt, error),
        })?;
        Payload::read(&payload).map_err(corrupt)
    }

    /// The stored body of a row; `None` for a deletion.
    pub(crate) fn body(&self, type_code: u16, number: u64, row: &Row) -> Result<Option<Body>> {
        match self.payload(type_code, number, row.version, &row.sealed)? {
            Payload::Body(body) => Ok(Some(body)),
            Payload::Deleted(_) => Ok(None),
        }
    }

    /// A row as it is sent.
    pub(crate) fn versioned(&self, type_code: u16, number: u64, row: &Row) -> Result<Versioned> {
        let resource_type = layout::type_name(type_code).unwrap_or_default();
        let (id, body) = match self.payload(type_code, number, row.version, &row.sealed)? {
            Payload::Body(body) => {
                let id = CompactString::from(body.id().map_err(corrupt)?);
                (id, body.spliced(row.version, row.time_ms).map_err(corrupt)?)
            }
            Payload::Deleted(id) => (id, Vec::new()),
        };
        Ok(Versioned {
            resource_type: resource_type.into(),
            id,
            version: row.version,
            last_updated_ms: row.time_ms,
            body,
            deleted: row.deleted,
        })
    }

    /// The record that committed a message, if one did.
    pub(crate) fn seen(&self, identity: &[u8]) -> Result<Option<Seen>> {
        let key = layout::message_key(self.tenant, &self.message_hash(identity));
        let Some(value) = self.reader.get(layout::MESSAGE, &key).map_err(engine)? else { return Ok(None) };
        let mut reader = Reader::new(&value);
        let seq = reader.varint().map_err(corrupt)?;
        Ok(Some(Seen { seq, time_ms: reader.varint().map_err(corrupt)?.cast_signed() }))
    }

    /// The current row by type and id.
    pub(crate) fn find(&self, type_code: u16, id: &str) -> Result<Option<(u64, Row)>> {
        let Some(number) = self.number(type_code, id)? else { return Ok(None) };
        Ok(self.row(type_code, number)?.map(|row| (number, row)))
    }
}

/// Additional data that binds a sealed body to its place: tenant, type, resource number, version.
pub(crate) fn aad(tenant: u32, type_code: u16, number: u64, version: u64) -> [[u8; 8]; 4] {
    [u64::from(tenant), u64::from(type_code), number, version].map(u64::to_be_bytes)
}

/// Stored bytes that do not read.
pub(crate) fn corrupt(error: impl std::fmt::Display) -> Error {
    Error::internal(ErrorKind::Corrupt, error)
}

/// The engine failed.
pub(crate) fn engine(error: impl std::fmt::Display) -> Error {
    Error::internal(ErrorKind::Unavailable, error)
}
