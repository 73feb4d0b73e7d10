//! The key ring: the files of a key folder, and the keys in use.
//!
//! Files: `ring` (tenant keys and seeds, rewritten whole) and `data-TENANT-EPOCH` (a tenant's data keys, appended).

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::crypto::{MacKey, Secret, Signer};
use super::{DataKey, IndexKey, KeyError, KeyId, MaskKey, RootKey, TenantId};
use crate::clock::Random;
use crate::disk::{self, Disk};

mod cache;
mod slots;
mod table;
mod tenant;

use table::TenantRecord;
use tenant::Tenant;

/// Bounds of a key ring.
#[derive(Clone, Copy, Debug)]
pub struct RingOptions {
    /// Data keys of one tenant kept ready; each takes about a kilobyte.
    pub cached_keys_max: usize,
}

impl Default for RingOptions {
    fn default() -> Self {
        Self { cached_keys_max: 32_768 }
    }
}

/// All keys of a data folder. Shared between threads.
///
/// A data key made by [`Self::new_data_key`] is durable only after [`Self::sync`]: sync before anything durable names it.
pub struct KeyRing {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    random: Arc<dyn Random>,
    options: RingOptions,
    /// Taken by all that rewrites the `ring` file; holds the root key.
    root: Mutex<RootKey>,
    tenants: RwLock<HashMap<u32, Arc<Tenant>>>,
}

impl KeyRing {
    /// Makes a new ring with the tenants [`TenantId::SYSTEM`] and [`TenantId::DEFAULT`].
    ///
    /// # Errors
    /// [`KeyError::Exists`] if there is one; [`KeyError::Io`].
    pub fn create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        root: RootKey,
        random: Arc<dyn Random>,
    ) -> Result<Self, KeyError> {
        disk.create_dir_all(dir)?;
        if disk.exists(&table::path(dir))? {
            return Err(KeyError::Exists);
        }
        let ring = Self {
            disk,
            dir: dir.to_owned(),
            random,
            options: RingOptions::default(),
            root: Mutex::new(root),
            tenants: RwLock::default(),
        };
        let mut made = HashMap::new();
        for id in [TenantId::SYSTEM, TenantId::DEFAULT] {
            made.insert(id.0, ring.make_tenant(id)?);
        }
        ring.write_table(&ring.root.lock(), &made)?;
        *ring.tenants.write() = made;
        Ok(ring)
    }

    /// Opens a ring with the usual bounds.
    ///
    /// # Errors
    /// [`KeyError::Absent`], [`KeyError::WrongRoot`], [`KeyError::Damaged`], [`KeyError::Io`].
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        root: RootKey,
        random: Arc<dyn Random>,
    ) -> Result<Self, KeyError> {
        Self::open_with(disk, dir, root, random, RingOptions::default())
    }

    /// Opens a ring. What a crash left half done is finished or taken back: a torn tail of new keys is cut, files of a
    /// rotation that did not take effect are removed.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn open_with(
        disk: Arc<dyn Disk>,
        dir: &Path,
        root: RootKey,
        random: Arc<dyn Random>,
        options: RingOptions,
    ) -> Result<Self, KeyError> {
        let records = table::read(disk.as_ref(), dir, &root)?;
        let mut tenants = HashMap::new();
        for record in records {
            let tenant = Tenant::open(Arc::clone(&disk), dir, &record, Arc::clone(&random), options)?;
            tenants.insert(record.id.0, Arc::new(tenant));
        }
        table::remove_leftovers(disk.as_ref(), dir, tenants.values().map(|tenant| tenant.file_name()))?;
        Ok(Self {
            disk,
            dir: dir.to_owned(),
            random,
            options,
            root: Mutex::new(root),
            tenants: RwLock::new(tenants),
        })
    }

    /// The tenants, in order of their numbers.
    pub fn tenants(&self) -> Vec<TenantId> {
        let mut tenants: Vec<_> = self.tenants.read().keys().map(|id| TenantId(*id)).collect();
        tenants.sort();
        tenants
    }

    /// Makes the keys of a new tenant; durable on return.
    ///
    /// # Errors
    /// [`KeyError::TenantNumber`] if the number is taken or above [`TenantId::MAX`]; [`KeyError::Io`].
    pub fn create_tenant(&self, id: TenantId) -> Result<(), KeyError> {
        let root = self.root.lock();
        let mut tenants = self.tenants.read().clone();
        if id.0 > TenantId::MAX || tenants.contains_key(&id.0) {
            return Err(KeyError::TenantNumber(id.0));
        }
        tenants.insert(id.0, self.make_tenant(id)?);
        self.write_table(&root, &tenants)?;
        *self.tenants.write() = tenants;
        Ok(())
    }

    /// The key that hides a tenant's index terms.
    ///
    /// # Errors
    /// [`KeyError::UnknownTenant`].
    pub fn index_key(&self, tenant: TenantId) -> Result<Arc<IndexKey>, KeyError> {
        Ok(self.tenant(tenant)?.index_key())
    }

    /// What a tenant's pseudonyms and shifted dates are made with.
    ///
    /// # Errors
    /// [`KeyError::UnknownTenant`].
    pub fn mask_key(&self, tenant: TenantId) -> Result<Arc<MaskKey>, KeyError> {
        Ok(self.tenant(tenant)?.mask_key())
    }

    /// A data key, from memory or from its file.
    ///
    /// # Errors
    /// [`KeyError::KeyShredded`], [`KeyError::UnknownKey`], [`KeyError::UnknownTenant`], [`KeyError::Damaged`],
    /// [`KeyError::Io`].
    pub fn data_key(&self, id: KeyId) -> Result<Arc<DataKey>, KeyError> {
        self.tenant(id.tenant())?.data_key(id)
    }

    /// The general data key of a tenant.
    ///
    /// # Errors
    /// [`KeyError::UnknownTenant`].
    pub fn general_key(&self, tenant: TenantId) -> Result<Arc<DataKey>, KeyError> {
        self.data_key(KeyId::general(tenant))
    }

    /// Draws a new data key. It can be used at once, but is durable only after [`Self::sync`]; a crash before takes it
    /// back and gives its id to another.
    ///
    /// # Errors
    /// [`KeyError::UnknownTenant`], [`KeyError::Poisoned`].
    pub fn new_data_key(&self, tenant: TenantId) -> Result<KeyId, KeyError> {
        self.tenant(tenant)?.new_data_key()
    }

    /// Makes all new data keys durable: one append and one fsync for each tenant that has any, nothing where there are
    /// none.
    ///
    /// # Errors
    /// [`KeyError::Io`]; after it [`KeyError::Poisoned`], because nobody knows what is on the disk.
    pub fn sync(&self) -> Result<(), KeyError> {
        let tenants: Vec<_> =
            self.tenants.read().values().filter(|tenant| tenant.has_pending()).cloned().collect();
        tenants.iter().try_for_each(|tenant| tenant.sync())
    }

    /// Destroys a data key: its place in the file is overwritten with zeros and synced. What it sealed cannot be opened
    /// again by anyone. Doing it twice is no error.
    ///
    /// The disk may keep old blocks (flash translation, snapshots, backups of the key folder): see the page on keys.
    ///
    /// # Errors
    /// [`KeyError::General`], [`KeyError::UnknownKey`], [`KeyError::UnknownTenant`], [`KeyError::Io`].
    pub fn shred(&self, id: KeyId) -> Result<(), KeyError> {
        self.tenant(id.tenant())?.shred(id)
    }

    /// Wraps all tenant keys with another root key; durable on return. Data and data keys are not touched.
    ///
    /// # Errors
    /// [`KeyError::Io`]: the old or the new root key then opens the ring.
    pub fn rotate_root(&self, new: RootKey) -> Result<(), KeyError> {
        let mut root = self.root.lock();
        self.write_table(&new, &self.tenants.read())?;
        *root = new;
        Ok(())
    }

    /// Gives a tenant another tenant key and wraps its data keys with it; durable on return. Data is not touched. New
    /// keys of this tenant wait meanwhile (about a second for each million keys).
    ///
    /// # Errors
    /// [`KeyError::UnknownTenant`], [`KeyError::Poisoned`], [`KeyError::Io`].
    pub fn rotate_tenant(&self, id: TenantId) -> Result<(), KeyError> {
        let root = self.root.lock();
        let tenant = self.tenant(id)?;
        let tenants = self.tenants.read().clone();
        tenant.rotate(|changed| {
            let records: Vec<TenantRecord> = tenants
                .values()
                .map(|other| if other.id() == id { changed.clone() } else { other.record() })
                .collect();
            table::write(self.disk.as_ref(), &self.dir, &root, &records, self.random.as_ref())
        })
    }

    /// A secret that belongs to a tenant and a purpose named by `label`, the same at every start and after rotations.
    ///
    /// # Errors
    /// [`KeyError::UnknownTenant`].
    pub fn secret(&self, tenant: TenantId, label: &str) -> Result<Secret, KeyError> {
        Ok(self.tenant(tenant)?.seed().derive(&[b"secret", label.as_bytes()]))
    }

    /// A keyed hash that belongs to a tenant and a purpose.
    ///
    /// # Errors
    /// [`KeyError::UnknownTenant`].
    pub fn mac_key(&self, tenant: TenantId, label: &str) -> Result<MacKey, KeyError> {
        Ok(MacKey::new(self.secret(tenant, label)?.reveal()))
    }

    /// An Ed25519 key pair that belongs to a tenant and a purpose.
    ///
    /// # Errors
    /// [`KeyError::UnknownTenant`].
    pub fn signer(&self, tenant: TenantId, label: &str) -> Result<Signer, KeyError> {
        Ok(Signer::from_seed(&self.secret(tenant, label)?))
    }

    /// The source of randomness that the ring draws from.
    pub fn random(&self) -> &Arc<dyn Random> {
        &self.random
    }

    fn tenant(&self, id: TenantId) -> Result<Arc<Tenant>, KeyError> {
        self.tenants.read().get(&id.0).cloned().ok_or(KeyError::UnknownTenant(id.0))
    }

    fn make_tenant(&self, id: TenantId) -> Result<Arc<Tenant>, KeyError> {
        let record = TenantRecord {
            id,
            epoch: 0,
            tenant_key: Secret::generate(self.random.as_ref()),
            seed: Secret::generate(self.random.as_ref()),
        };
        slots::create(self.disk.as_ref(), &self.dir, id, 0)?;
        disk_sync(self.disk.as_ref(), &self.dir)?;
        let tenant =
            Tenant::open(Arc::clone(&self.disk), &self.dir, &record, Arc::clone(&self.random), self.options)?;
        Ok(Arc::new(tenant))
    }

    fn write_table(&self, root: &RootKey, tenants: &HashMap<u32, Arc<Tenant>>) -> Result<(), KeyError> {
        let records: Vec<TenantRecord> = tenants.values().map(|tenant| tenant.record()).collect();
        table::write(self.disk.as_ref(), &self.dir, root, &records, self.random.as_ref())
    }
}

fn disk_sync(disk: &dyn Disk, dir: &Path) -> Result<(), KeyError> {
    disk.sync_dir(dir)?;
    Ok(disk.sync_dir(disk::parent(dir))?)
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("tenants", &self.tenants()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod walk;

#[cfg(test)]
mod golden;
