//! `ward demo`: a small synthetic hospital through real sockets, and what can be done with what arrived.

mod feed;
mod show;

use std::path::PathBuf;

use clap::Args;
use testkit::Hospital;

use crate::commands::serve::{Ending, Running, Served};
use crate::commands::token;
use crate::config::Config;
use crate::failure::{During, Failure, Result};
use crate::home::{Base, RootSource};
use crate::{output, tls};

/// The demo's configuration: free ports on loopback, one channel a feed.
const CONFIG: &str = r#"
[https]
listen = "127.0.0.1:0"
hosts = ["127.0.0.1", "localhost"]

[[channel]]
name = "adt"
kind = "mllp"
listen = "127.0.0.1:0"
zone = "America/Chicago"

[[channel]]
name = "lab"
kind = "mllp"
listen = "127.0.0.1:0"
zone = "America/Chicago"
"#;

/// What `ward demo` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How many people the hospital knows
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    patients: u32,
    /// The seed: the same one gives the same hospital
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End after the tour instead of staying up
    #[arg(long)]
    exit: bool,
    /// Keep the data folder here instead of in a temporary place; it must not exist yet
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Runs the whole tour.
pub(crate) fn run(arguments: &Arguments) -> Result {
    // What is put into quarantine is shown at the end, with reasons; warnings between would only tear the bar.
    super::serve::start_logs("error");
    let hospital = Hospital::new(arguments.seed, arguments.patients as usize);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .during("the runtime did not start")?;
    // Heard before there is a folder that a Ctrl-C would leave behind.
    let mut ending = {
        let _inside = runtime.enter();
        Ending::hear()?
    };
    let place = Place::make(arguments)?;
    let base = Base::create(&place.data, &RootSource::KeyFile(place.key.clone()))?;
    tls::create_authority(&base)?;
    std::fs::write(Config::path(&place.data, None), CONFIG.trim_start())
        .during("the configuration could not be written")?;
    let (_, secret) = token::create(&base, "system/*.cruds", "demo administrator", None, 1)?;
    let trust = server::tls::client_config(&tls::authority_pem(&base)?).during("TLS could not be set up")?;
    let config = Config::parse(CONFIG).map_err(Failure::new)?;
    let running = Running::open(base, config)?;
    runtime.block_on(async {
        let served = running.start().await?;
        say!("Ward is up at {}", served.url);
        say!("  data folder  {}", place.data.display());
        say!("  root key     {}", place.key.display());
        let tour = tokio::select! {
            tour = tour(&served, &hospital, &trust, &secret) => tour,
            () = ending.wait() => Err(Failure::new("the demo was ended before its tour was done")),
        };
        if tour.is_ok() && !arguments.exit {
            show::how_to_go_on(&served, &secret, &place.data);
            ending.wait().await;
            say!("\nstopping");
        }
        served.stop().await;
        tour
    })
}

async fn tour(
    served: &Served,
    hospital: &Hospital,
    trust: &std::sync::Arc<rustls::ClientConfig>,
    secret: &str,
) -> Result {
    let address =
        |name: &str| served.mllp.iter().find(|(channel, _)| channel == name).map(|(_, address)| *address);
    let ways = feed::Ways {
        adt: address("adt"),
        lab: address("lab"),
        url: served.url.clone(),
        trust: std::sync::Arc::clone(trust),
        token: secret.to_owned(),
    };
    let counts = hospital.counts();
    say!(
        "\nA synthetic hospital sends {} HL7 v2 messages (MLLP over TLS) and {} FHIR bundles (HTTPS)",
        counts.messages,
        counts.bundles
    );
    let bar = output::bar(hospital.deliveries().len() as u64, "sending");
    let sent = feed::send(hospital.deliveries().to_vec(), &ways, &bar).await?;
    bar.finish_and_clear();
    show::sent(&sent, served);
    let mut client = crate::client::Client::new(&served.url, std::sync::Arc::clone(trust), secret)?;
    show::record(&mut client, hospital.showcase()).await?;
    show::searches(&mut client, hospital.showcase()).await?;
    show::audit(served)
}

/// Where the demo's data lies; a temporary place is removed at the end.
struct Place {
    data: PathBuf,
    key: PathBuf,
    temporary: Option<PathBuf>,
}

impl Place {
    fn make(arguments: &Arguments) -> Result<Self> {
        if let Some(data) = &arguments.keep {
            let mut key = data.clone().into_os_string();
            key.push(".key");
            return Ok(Self { data: data.clone(), key: key.into(), temporary: None });
        }
        let stamp = jiff::Timestamp::now().as_microsecond();
        let folder = std::env::temp_dir().join(format!("ward-demo-{}-{stamp}", std::process::id()));
        std::fs::create_dir_all(&folder).during("a temporary folder could not be made")?;
        Ok(Self { data: folder.join("data"), key: folder.join("root.key"), temporary: Some(folder) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(folder) = &self.temporary {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
