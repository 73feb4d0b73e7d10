//! What the command line says.

use std::path::PathBuf;

use crate::Failure;

/// The rows, in the order in which they run.
pub(crate) const ROWS: &[&str] =
    &["import", "read", "search", "operations", "create", "mllp", "parse", "fhirpath", "first"];

/// The command line, read.
#[derive(Debug, Clone)]
pub(crate) struct Arguments {
    /// `https://HOST:PORT` of the server.
    pub(crate) url: String,
    /// `HOST:PORT` of its MLLP channel.
    pub(crate) mllp: Option<String>,
    /// The certificate authority's PEM file.
    pub(crate) ca: PathBuf,
    /// A file with the bearer token.
    pub(crate) token_file: PathBuf,
    /// The server's process.
    pub(crate) pid: u32,
    /// The server's data folder.
    pub(crate) data: PathBuf,
    /// Transaction bundles: a folder of `.json` files, or a `.ndjson` or `.ndjson.gz` file. `None`: the synthetic hospital.
    pub(crate) bundles: Option<PathBuf>,
    /// How often each bundle of `bundles` is sent; each time it makes new resources.
    pub(crate) copies: usize,
    /// Size of the synthetic hospital.
    pub(crate) patients: usize,
    /// Its seed.
    pub(crate) seed: u64,
    /// How long each timed row runs, in seconds.
    pub(crate) seconds: f64,
    /// How long the import may run, in seconds.
    pub(crate) import_seconds_max: f64,
    /// Connections that import.
    pub(crate) import_clients: usize,
    /// Which rows.
    pub(crate) rows: Vec<String>,
}

impl Arguments {
    /// Reads `--name value` pairs.
    ///
    /// # Errors
    /// A text that names the option.
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut read = Self {
            url: String::new(),
            mllp: None,
            ca: PathBuf::new(),
            token_file: PathBuf::new(),
            pid: 0,
            data: PathBuf::new(),
            bundles: None,
            copies: 1,
            patients: 1000,
            seed: 7,
            seconds: 10.0,
            import_seconds_max: 120.0,
            import_clients: 4,
            rows: ROWS.iter().map(|row| (*row).to_owned()).collect(),
        };
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("`{name}` needs a value"))?;
            match name.as_str() {
                "--url" => read.url = value,
                "--mllp" => read.mllp = Some(value),
                "--ca" => read.ca = value.into(),
                "--token-file" => read.token_file = value.into(),
                "--pid" => read.pid = value.parse()?,
                "--data" => read.data = value.into(),
                "--bundles" => read.bundles = Some(value.into()),
                "--copies" => read.copies = value.parse()?,
                "--patients" => read.patients = value.parse()?,
                "--seed" => read.seed = value.parse()?,
                "--seconds" => read.seconds = value.parse()?,
                "--import-seconds-max" => read.import_seconds_max = value.parse()?,
                "--import-clients" => read.import_clients = value.parse::<usize>()?.max(1),
                "--rows" => read.rows = value.split(',').map(str::to_owned).collect(),
                _ => return Err(format!("there is no option `{name}`").into()),
            }
        }
        if let Some(unknown) = read.rows.iter().find(|row| !ROWS.contains(&row.as_str())) {
            return Err(format!("there is no row `{unknown}`; the rows are {}", ROWS.join(", ")).into());
        }
        Ok(read)
    }

    /// Whether a row is asked for.
    pub(crate) fn wants(&self, row: &str) -> bool {
        self.rows.iter().any(|wanted| wanted == row)
    }
}
