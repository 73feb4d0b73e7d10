//! `ward serve`: FHIR by HTTPS and the channels, until a signal ends it.
//!
//! On stderr stand a line `channel NAME HOST:PORT` for each MLLP listener, with the port that it really has, and then, once
//! everything accepts, `ready https://HOST:PORT`. Scripts wait for that one.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Args;
use ingest::config::ChannelKind;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use repository::{JobOptions, Jobs};
use server::scan::{ScanParts, Scans};
use server::tls::{Certificates, server_config};
use server::{Edge, ListenLimits, RequestLimits};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Common;
use crate::config::{Config, ScanTable};
use crate::failure::{During, Failure, Result};
use crate::home::{Base, Home};
use crate::{output, root, tls};

/// How often it is looked whether the certificate is to be renewed.
const RENEWAL_LOOK: Duration = Duration::from_secs(3600);

/// What `ward serve` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Listen here instead of where the configuration says; port 0 picks a free one
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<SocketAddr>,
}

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(common: &Common, arguments: &Arguments) -> Result {
    start_logs("warn");
    let mut config = Config::of(common)?;
    if let Some(listen) = arguments.listen {
        config.https.listen = listen;
    }
    let base = Base::open(&common.data, &root::source(common)?)?;
    let running = Running::open(base, config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .during("the runtime did not start")?;
    runtime.block_on(async {
        let mut ending = Ending::hear()?;
        let served = running.start().await?;
        for (name, address) in &served.mllp {
            eprintln!("channel {name} {address}");
        }
        eprintln!("ready {}", served.url);
        ending.wait().await;
        served.stop().await;
        Ok(())
    })
}

/// Logs to stderr: `WARD_LOG` sets the level (`default` without it), `WARD_LOG_FORMAT=json` the shape.
pub(crate) fn start_logs(default: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WARD_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let json = std::env::var("WARD_LOG_FORMAT").is_ok_and(|format| format == "json");
    let _ = if json { builder.json().try_init() } else { builder.try_init() };
}

/// Hears the signals that end a server: SIGTERM, and SIGINT as Ctrl-C sends it.
pub(crate) struct Ending {
    terminate: Signal,
    interrupt: Signal,
}

impl Ending {
    /// Begins to hear them; from now on they do not kill the process.
    pub(crate) fn hear() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).during("signals cannot be heard")?,
            interrupt: signal(SignalKind::interrupt()).during("signals cannot be heard")?,
        })
    }

    /// Waits for one.
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// A server whose parts are open.
pub(crate) struct Running {
    home: Home,
    config: Config,
}

/// A server that accepts.
pub(crate) struct Served {
    /// `https://HOST:PORT`.
    pub(crate) url: String,
    /// The address of each MLLP channel, by its name.
    pub(crate) mllp: Vec<(String, SocketAddr)>,
    /// The open parts.
    pub(crate) home: Home,
    /// What `/metrics` shows.
    pub(crate) metrics: Option<PrometheusHandle>,
    edge: Arc<Edge>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Opens everything; shows a bar while the index catches up.
    pub(crate) fn open(base: Base, config: Config) -> Result<Self> {
        let bar = output::bar(0, "index");
        let home = Home::open(base, &config, &mut |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        })?;
        bar.finish_and_clear();
        Ok(Self { home, config })
    }

    /// Binds all listeners and begins to accept.
    pub(crate) async fn start(self) -> Result<Served> {
        let Self { home, config } = self;
        let recorder = PrometheusBuilder::new().install_recorder().ok();
        let (pair, renew_at) = tls::server_pair(&home.base, &config.https.hosts)?;
        let certificates = Certificates::new(&pair).during("the certificate cannot be used")?;
        let https = server_config(Arc::clone(&certificates), &["h2", "http/1.1"])
            .during("TLS could not be set up")?;
        let mllp_tls = server_config(Arc::clone(&certificates), &[]).during("TLS could not be set up")?;
        let parts = ScanParts {
            store: home.store.clone(),
            jobs: Some(Jobs::open(&home.store, JobOptions::default()).during("the jobs could not be read")?),
            objects: Some(Arc::clone(&home.objects)),
            desk: Arc::new(crate::commands::mask::desk(config.mask.models.as_deref())?),
            outbound: config.outbound.open()?,
        };
        let scans = config.scan.iter().map(ScanTable::open).collect::<Result<Vec<_>>>()?;
        for url in scans.iter().filter_map(|scan| scan.alert.as_ref()?.url.as_deref()) {
            parts.outbound.check(url).during("an `alert_url` of a scan cannot be reached").map_err(
                |failure| {
                    failure
                        .hint("its host and port stand in `outbound.hosts`; the URL begins with `https://`")
                },
            )?;
        }
        let scans = Scans::open(parts.clone(), scans).during("the scans could not be read")?;
        let edge = Edge::new(server::Parts {
            store: home.store.clone(),
            tokens: Arc::new(home.base.tokens()?),
            ingest: Some(Arc::clone(&home.ingest)),
            metrics: recorder.clone(),
            outbound: parts.outbound,
            desk: parts.desk,
            objects: parts.objects,
            scans: Some(scans),
            jobs: parts.jobs,
            subscriptions: config.subscriptions.limits(),
            limits: RequestLimits { body_bytes_max: config.https.body_bytes_max, ..RequestLimits::default() },
            public_url: config.https.public_url.clone(),
        });
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();

        let listener = bind(config.https.listen, "https.listen").await?;
        let address = listener.local_addr().during("the address could not be told")?;
        let limits =
            ListenLimits { connections_max: config.https.connections_max, ..ListenLimits::default() };
        tasks.spawn(server::serve(
            listener,
            https,
            server::router(Arc::clone(&edge)),
            limits,
            stopping.clone(),
        ));

        let mut mllp = Vec::new();
        for channel in home.ingest.channels() {
            let ingest = Arc::clone(&home.ingest);
            match (channel.config.kind, channel.config.listen) {
                (ChannelKind::Mllp, Some(listen)) => {
                    let listener = bind(listen, &format!("channel `{}`", channel.config.name)).await?;
                    mllp.push((
                        channel.config.name.clone(),
                        listener.local_addr().during("the address could not be told")?,
                    ));
                    let tls = (!channel.config.plaintext).then(|| Arc::clone(&mllp_tls));
                    tasks.spawn(ingest::mllp::serve(ingest, channel, listener, tls, stopping.clone()));
                }
                (ChannelKind::Folder, _) => {
                    tasks.spawn(ingest::folder::serve(ingest, channel, stopping.clone()));
                }
                _ => {}
            }
        }
        let url = format!("https://{}", shown(address, &config.https.hosts));
        let known_as = config.https.public_url.clone().unwrap_or_else(|| url.clone());
        tasks.spawn(server::subscriptions::serve(Arc::clone(&edge), known_as, stopping.clone()));
        tasks.spawn(renew(home.base.clone(), config.https.hosts.clone(), certificates, renew_at, stopping));
        edge.start_jobs().during("the jobs could not be started")?;
        edge.start_scans().during("the scans could not be started")?;
        edge.set_ready(true);
        tell(&home.base, &url)?;
        Ok(Served { url, mllp, home, metrics: recorder, edge, stop, tasks })
    }
}

impl Served {
    /// Refuses new work, lets open work end, closes the parts.
    pub(crate) async fn stop(mut self) {
        self.edge.set_ready(false);
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        let _ = std::fs::remove_file(self.home.base.layout.running());
        tokio::task::block_in_place(|| {
            self.edge.stop_scans();
            self.edge.stop_jobs();
        });
        drop(self.edge);
        self.home.close();
    }
}

/// The address as a client on this machine reaches it, by a name that is in the certificate.
fn shown(address: SocketAddr, hosts: &[String]) -> String {
    let named = hosts.iter().any(|host| host.parse().is_ok_and(|ip: std::net::IpAddr| ip == address.ip()));
    if named {
        return address.to_string();
    }
    format!("{}:{}", hosts.first().map_or("localhost", String::as_str), address.port())
}

async fn bind(address: SocketAddr, what: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::new(format!("{what}: `{address}` cannot be listened on: {error}"))
            .hint("another program may use the port; `--listen HOST:0` picks a free one for HTTPS")
    })
}

/// Writes down where the server is, for commands that need it.
fn tell(base: &Base, url: &str) -> Result {
    let path = base.layout.running();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).during("the folder `run` could not be made")?;
    }
    std::fs::write(&path, format!("{url}\n")).during("`run/url` could not be written")
}

/// Replaces the certificate when its time has come, without a restart.
async fn renew(
    base: Base,
    hosts: Vec<String>,
    certificates: Arc<Certificates>,
    mut renew_at: SystemTime,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(RENEWAL_LOOK) => {}
            _ = stop.wait_for(|stopping| *stopping) => return,
        }
        if SystemTime::now() < renew_at {
            continue;
        }
        let renewed = tls::server_pair(&base, &hosts).and_then(|(pair, at)| {
            certificates.replace(&pair).during("the certificate cannot be used")?;
            Ok(at)
        });
        match renewed {
            Ok(at) => {
                renew_at = at;
                tracing::info!("the certificate was renewed");
            }
            Err(failure) => {
                tracing::error!(error = %failure, "the certificate could not be renewed; it is tried again in an hour")
            }
        }
    }
}
