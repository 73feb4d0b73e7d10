//! The handles that reading, committing and rebuilding need: log, index, keys.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use storage::engine::{Engine, Reader};
use storage::keys::{KeyError, KeyRing, TenantId};
use storage::log::Log;
use storage::seal;

use crate::applier::Applier;
use crate::error::{Error, ErrorKind, Result};
use crate::numbers::Numbers;
use crate::parameters::Parameters;
use crate::search::{Codes, Dictionaries, Postings, RowSealer, SearchError};
use crate::terminology::Terminologies;
use crate::view::{TenantKeys, View};

/// See the module.
pub(crate) struct Core {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) dictionaries: Arc<Dictionaries>,
    pub(crate) terminologies: Terminologies,
    sealer: Arc<DictionarySealer>,
    tenants: RwLock<HashMap<u32, Arc<TenantKeys>>>,
    parameters: RwLock<HashMap<u32, Arc<Parameters>>>,
}

impl Core {
    pub(crate) fn new(log: Arc<dyn Log>, engine: Arc<dyn Engine>, ring: Arc<KeyRing>) -> Arc<Self> {
        let sealer = Arc::new(DictionarySealer { ring: Arc::clone(&ring) });
        let dictionaries = Arc::new(Dictionaries::new(sealer.clone()));
        Arc::new(Self {
            log,
            engine,
            ring,
            dictionaries,
            terminologies: Terminologies::default(),
            sealer,
            tenants: RwLock::default(),
            parameters: RwLock::default(),
        })
    }

    /// A view of the newest state: two reads through it may see different states.
    pub(crate) fn view(self: &Arc<Self>, tenant: u32) -> Result<View> {
        let reader: Arc<dyn Reader> = self.engine.clone();
        self.view_through(reader, tenant)
    }

    /// A view of one state.
    pub(crate) fn snapshot(self: &Arc<Self>, tenant: u32) -> Result<View> {
        self.view_through(Arc::from(self.engine.snapshot()), tenant)
    }

    fn view_through(self: &Arc<Self>, reader: Arc<dyn Reader>, tenant: u32) -> Result<View> {
        let keys = self.tenant_keys(tenant)?;
        Ok(View::new(reader, Arc::clone(self), keys, tenant))
    }

    fn tenant_keys(&self, tenant: u32) -> Result<Arc<TenantKeys>> {
        if let Some(keys) = self.tenants.read().get(&tenant) {
            return Ok(Arc::clone(keys));
        }
        let index_key = self.ring.index_key(TenantId(tenant)).map_err(|error| match error {
            KeyError::UnknownTenant(_) => Error::not_found(),
            error => Error::internal(ErrorKind::Internal, error),
        })?;
        let keys = Arc::new(TenantKeys { codes: Codes::new(Arc::clone(&index_key)), index_key });
        Ok(Arc::clone(self.tenants.write().entry(tenant).or_insert(keys)))
    }

    /// A tenant's search parameters as somebody read them last.
    pub(crate) fn parameters(&self, tenant: u32) -> Option<Arc<Parameters>> {
        self.parameters.read().get(&tenant).map(Arc::clone)
    }

    /// Keeps them for the next one.
    pub(crate) fn keep_parameters(&self, tenant: u32, parameters: &Arc<Parameters>) {
        self.parameters.write().insert(tenant, Arc::clone(parameters));
    }

    /// Seals dictionary rows and page tokens.
    pub(crate) fn sealer(&self) -> &dyn RowSealer {
        self.sealer.as_ref()
    }

    /// The content of a row of the dictionary.
    pub(crate) fn open_dictionary_row(&self, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        seal::open_with(&self.ring, &[DICTIONARY_AAD, key], sealed).map_err(crate::view::corrupt)
    }

    /// The state that turning records into rows needs, as the index has it.
    pub(crate) fn open_applier(&self) -> Result<Applier> {
        self.dictionaries.forget();
        Ok(Applier {
            numbers: Numbers::open(self.engine.as_ref())?,
            postings: Postings::new(Arc::clone(&self.dictionaries)),
        })
    }
}

/// Seals dictionary rows under the tenant's general key.
struct DictionarySealer {
    ring: Arc<KeyRing>,
}

const DICTIONARY_AAD: &[u8] = b"dictionary";

impl RowSealer for DictionarySealer {
    fn seal(&self, tenant: u32, place: &[u8], plain: &[u8]) -> std::result::Result<Vec<u8>, SearchError> {
        let key = self.ring.general_key(TenantId(tenant)).map_err(|_| SearchError::Corrupt)?;
        Ok(seal::seal(&key, &[DICTIONARY_AAD, place], plain).into_bytes())
    }

    fn open(&self, _tenant: u32, place: &[u8], sealed: &[u8]) -> std::result::Result<Vec<u8>, SearchError> {
        seal::open_with(&self.ring, &[DICTIONARY_AAD, place], sealed).map_err(|_| SearchError::Corrupt)
    }
}
