//! The data folder: what lies where, and how its parts are opened together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ingest::config::{ChannelConfig, ChannelKind};
use ingest::objects::Objects;
use ingest::{Ingest, IngestParts, Quarantine};
use protect::audit::{AuditLog, AuditOptions};
use protect::token::TokenStore;
use repository::{Options, Parts, Store, layout};
use storage::archive::{Archive, ArchiveOptions};
use storage::clock::{Clock, Random, SystemClock, SystemRandom};
use storage::disk::{Disk, RealDisk};
use storage::engine::{Engine, FjallEngine, FjallOptions};
use storage::keys::{KeyRing, RootKey, TenantId, WORK_FACTOR_LOG2_DEFAULT};
use storage::log::{FileLog, FileLogOptions, Log};
use storage::shelf::Shelf;

use crate::config::Config;
use crate::failure::{During, Failure, Result, chain};

/// The channel of `ward ingest`; it is always there.
pub(crate) const FILES_CHANNEL: &str = "files";

/// Where things lie in a data folder.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) data: PathBuf,
}

impl Layout {
    pub(crate) fn keys(&self) -> PathBuf {
        self.data.join("keys")
    }
    /// Fails where there is no data folder, before anybody is asked for a passphrase.
    pub(crate) fn expect(&self) -> Result {
        if self.keys().is_dir() {
            return Ok(());
        }
        Err(Failure::new(format!("`{}` is no data folder of Ward", self.data.display()))
            .hint("`ward init` makes one; `--data` or `WARD_DATA` names another"))
    }
    pub(crate) fn root(&self) -> PathBuf {
        self.keys().join("root.age")
    }
    pub(crate) fn tokens(&self) -> PathBuf {
        self.data.join("tokens")
    }
    pub(crate) fn tls(&self) -> PathBuf {
        self.data.join("tls")
    }
    pub(crate) fn log(&self) -> PathBuf {
        self.data.join("log")
    }
    pub(crate) fn index(&self) -> PathBuf {
        self.data.join("index")
    }
    pub(crate) fn archive(&self) -> PathBuf {
        self.data.join("archive")
    }
    pub(crate) fn masked(&self) -> PathBuf {
        self.data.join("masked")
    }
    pub(crate) fn quarantine(&self) -> PathBuf {
        self.data.join("quarantine")
    }
    pub(crate) fn shelf(&self) -> PathBuf {
        self.data.join("shelf")
    }
    pub(crate) fn audit(&self) -> PathBuf {
        self.data.join("audit")
    }
    /// The URL of the server that runs on this folder, while it runs.
    pub(crate) fn running(&self) -> PathBuf {
        self.data.join("run").join("url")
    }
}

/// How the root key is had.
#[derive(Clone, Debug)]
pub(crate) enum RootSource {
    /// A key file, outside the data folder.
    KeyFile(PathBuf),
    /// The passphrase of `keys/root.age`.
    Passphrase(zeroize::Zeroizing<String>),
}

/// The handles that everything else is opened with.
#[derive(Clone)]
pub(crate) struct Base {
    pub(crate) layout: Layout,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) ring: Arc<KeyRing>,
}

impl Base {
    /// Makes a data folder: keys and nothing else.
    pub(crate) fn create(data: &Path, root: &RootSource) -> Result<Self> {
        let layout = Layout { data: data.to_owned() };
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        if layout.keys().exists() {
            return Err(Failure::new(format!("`{}` is a data folder already", data.display()))
                .hint("`ward serve` starts it; choose another folder with `--data` for a new one"));
        }
        disk.create_dir_all(&layout.keys())
            .during(format!("the data folder `{}` could not be made", data.display()))?;
        private(data)?;
        let key = match root {
            RootSource::KeyFile(path) if path.exists() => RootKey::read(disk.as_ref(), path, None)
                .during(format!("the key file `{}` could not be read", path.display()))?,
            RootSource::KeyFile(path) => {
                let key = RootKey::generate(random.as_ref());
                key.write(disk.as_ref(), path, None)
                    .during(format!("the key file `{}` could not be written", path.display()))
                    .map_err(|failure| failure.hint("its folder must be there and let you write"))?;
                private(path)?;
                key
            }
            RootSource::Passphrase(passphrase) => {
                let key = RootKey::generate(random.as_ref());
                let lock = Some((passphrase.as_str(), WORK_FACTOR_LOG2_DEFAULT));
                key.write(disk.as_ref(), &layout.root(), lock).during("the root key could not be written")?;
                key
            }
        };
        let ring = KeyRing::create(Arc::clone(&disk), &layout.keys(), key, Arc::clone(&random))
            .during("the keys could not be made")?;
        Ok(Self { layout, disk, clock: Arc::new(SystemClock), random, ring: Arc::new(ring) })
    }

    /// Opens the keys of a data folder.
    pub(crate) fn open(data: &Path, root: &RootSource) -> Result<Self> {
        let layout = Layout { data: data.to_owned() };
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        layout.expect()?;
        let key = match root {
            RootSource::KeyFile(path) => RootKey::read(disk.as_ref(), path, None)
                .during(format!("the key file `{}` could not be read", path.display()))
                .map_err(|failure| failure.hint("`--key-file` or `WARD_KEY_FILE` names the file that `ward init` was given")),
            RootSource::Passphrase(passphrase) => {
                RootKey::read(disk.as_ref(), &layout.root(), Some(passphrase))
                    .during("the root key could not be opened")
                    .map_err(|failure| failure.hint("the passphrase is the one that `ward init` was given; `WARD_PASSPHRASE` may hold another"))
            }
        };
        let ring = KeyRing::open(Arc::clone(&disk), &layout.keys(), key?, Arc::clone(&random))
            .during("the keys could not be opened")
            .map_err(|failure| {
                failure.hint("the root key must be this folder's, and the folder must let you write")
            })?;
        Ok(Self { layout, disk, clock: Arc::new(SystemClock), random, ring: Arc::new(ring) })
    }

    /// The tokens; several processes may have them open.
    pub(crate) fn tokens(&self) -> Result<TokenStore> {
        let (clock, random) = (Arc::clone(&self.clock), Arc::clone(&self.random));
        TokenStore::open(Arc::clone(&self.disk), &self.layout.tokens(), &self.ring, clock, random)
            .during("the tokens could not be opened")
    }

    /// The log of the default tenant, which only one process may have open.
    pub(crate) fn log(&self) -> Result<Arc<dyn Log>> {
        let log = FileLog::open(Arc::clone(&self.disk), &self.layout.log(), FileLogOptions::default());
        log.map(|log| Arc::new(log) as Arc<dyn Log>).map_err(|error| self.locked(&error, "the log"))
    }

    /// The index engine. It is derived data: one that does not open, or has the layout of another version, is
    /// thrown away and built anew from the log.
    pub(crate) fn engine(&self) -> Result<Arc<dyn Engine>> {
        let path = self.layout.index();
        let open = || FjallEngine::open(&path, layout::SPACES, FjallOptions::default());
        let engine = match open() {
            Err(error) if error.kind() == storage::ErrorKind::Corrupt => {
                tracing::warn!(error = %chain(&error), "the index does not open; it is built anew from the log");
                FjallEngine::destroy(&path).during("the damaged index could not be removed")?;
                open()
            }
            Ok(engine) if !repository::index_fits(&engine).during("the index could not be read")? => {
                tracing::warn!("the index is of another layout; it is built anew from the log");
                drop(engine);
                FjallEngine::destroy(&path).during("the old index could not be removed")?;
                open()
            }
            other => other,
        };
        engine
            .map(|engine| Arc::new(engine) as Arc<dyn Engine>)
            .map_err(|error| self.locked(&error, "the index"))
    }

    /// The audit log, which only one process may write.
    pub(crate) fn audit(&self, strict: bool) -> Result<Arc<AuditLog>> {
        let options = AuditOptions { strict, ..AuditOptions::default() };
        let clock = Arc::clone(&self.clock);
        let audit = AuditLog::open(Arc::clone(&self.disk), &self.layout.audit(), &self.ring, clock, options);
        audit.map(Arc::new).map_err(|error| self.locked(&error, "the audit log"))
    }

    /// Jobs, cursors and files of exports; only one process may have them open.
    pub(crate) fn shelf(&self) -> Result<Shelf> {
        Shelf::open(Arc::clone(&self.disk), &self.layout.shelf(), &self.ring, TenantId::DEFAULT)
            .map_err(|error| self.locked(&error, "the shelf"))
    }

    /// An archive of the default tenant in a folder, which only one process may have open.
    fn archive(&self, folder: &Path, options: ArchiveOptions) -> Result<Arc<Archive>> {
        let disk = Arc::clone(&self.disk);
        let archive = Archive::open(disk, folder, &self.ring, TenantId::DEFAULT, options);
        archive.map(Arc::new).during("the archive could not be opened")
    }

    fn locked(&self, error: &(dyn std::error::Error + 'static), what: &str) -> Failure {
        let failure = Failure::new(format!("{what} could not be opened: {}", chain(error)));
        match std::fs::read_to_string(self.layout.running()) {
            Ok(url) => failure
                .hint(format!("a server seems to run on this folder, at {}: stop it first", url.trim())),
            Err(_) => failure,
        }
    }
}

/// Everything of a data folder, open.
pub(crate) struct Home {
    pub(crate) base: Base,
    pub(crate) store: Store,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) objects: Arc<Objects>,
    pub(crate) audit: Arc<AuditLog>,
}

impl Home {
    /// Opens all parts; the index catches up with the log on the way. `progress` hears how far (records done, of all).
    pub(crate) fn open(base: Base, config: &Config, progress: &mut dyn FnMut(u64, u64)) -> Result<Self> {
        let audit = base.audit(config.audit.strict)?;
        let parts = Parts {
            log: base.log()?,
            engine: base.engine()?,
            ring: Arc::clone(&base.ring),
            audit: Arc::clone(&audit),
            clock: Arc::clone(&base.clock),
            random: Arc::clone(&base.random),
            shelf: Some(base.shelf()?),
            options: Options {
                base_url: config
                    .https
                    .public_url
                    .as_ref()
                    .map(|url| format!("{}/fhir", url.trim_end_matches('/'))),
                ..Options::default()
            },
        };
        let mut told = |now: repository::Progress| progress(now.records_done, now.records_total);
        let store = Store::open_with_progress(parts, &mut told).during("the store could not be opened")?;
        let archive = base.archive(&base.layout.archive(), ArchiveOptions::default())?;
        let masked = ArchiveOptions { names: "masked archive names", ..ArchiveOptions::default() };
        let masked = base.archive(&base.layout.masked(), masked)?;
        let objects = Arc::new(Objects::new(store.clone(), Arc::clone(&archive), masked));
        let list =
            FileLog::open(Arc::clone(&base.disk), &base.layout.quarantine(), FileLogOptions::default())
                .during("the quarantine could not be opened")?;
        let quarantine = Quarantine::open(Box::new(list), Arc::clone(&base.ring), TenantId::DEFAULT)
            .during("the quarantine could not be opened")?;
        let mut channels = config.channel.clone();
        if channels.iter().all(|channel| channel.name != FILES_CHANNEL) {
            channels.push(ChannelConfig {
                message_bytes_max: config.https.body_bytes_max.min(ingest::config::MESSAGE_BYTES_MAX),
                ..ChannelConfig::new(FILES_CHANNEL, ChannelKind::Https)
            });
        }
        let ingest = Ingest::new(IngestParts {
            store: store.clone(),
            archive,
            quarantine,
            ring: Arc::clone(&base.ring),
            clock: Arc::clone(&base.clock),
            tenant: TenantId::DEFAULT,
            channels,
        })
        .during("the channels could not be set up")?;
        Ok(Self { base, store, ingest, objects, audit })
    }

    /// Closes in order: no more writes, then the audit log's last checkpoint.
    pub(crate) fn close(self) {
        self.store.close();
        if let Err(error) = self.audit.settle() {
            tracing::error!(error = %chain(&error), "the audit log could not be closed; it recovers at the next start");
        }
    }
}

/// Removes what a failed `ward init` has made, so that it can be tried again; what was there before stays.
pub(crate) struct Fresh(Vec<PathBuf>);

impl Fresh {
    /// Takes note of what is not there yet.
    pub(crate) fn of(data: &Path) -> Self {
        let layout = Layout { data: data.to_owned() };
        let parts = [layout.keys(), layout.tls(), layout.tokens(), data.to_owned()];
        Self(parts.into_iter().filter(|path| !path.exists()).collect())
    }

    /// All went well: everything stays.
    pub(crate) fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

/// Makes a file or folder readable by its owner alone.
fn private(path: &Path) -> Result {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = if path.is_dir() { 0o700 } else { 0o600 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .during(format!("`{}` could not be made private", path.display()))
}
