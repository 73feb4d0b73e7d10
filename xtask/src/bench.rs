//! `cargo xtask bench`: the figures of a whole server in release build, TLS, audit and fsync on, beside the design's targets.
//!
//! It builds `ward` and the load client (`crates/ward/examples/load`), makes a fresh data folder, serves it, has the client
//! send and check everything, starts the server again on the full store, and prints one table. Rates depend on the machine
//! and on what else runs there; processor time for each unit and its ratio to the floor travel better.

mod machine;
mod process;
mod record;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use process::{Server, kill, terminate};

const USAGE: &str = "usage: cargo xtask bench [OPTIONS]

  --seconds N          how long each timed row runs (10)
  --bundles PATH       transaction bundles to import: a folder of .json files, or a .ndjson[.gz] file; else a synthetic hospital
  --copies N           how often each of them is sent (1)
  --patients N         size of the synthetic hospital (4000)
  --seed N             its seed (7)
  --import-clients N   connections that import (4)
  --import-seconds-max N   when the import stops, finished or not (120)
  --rows A,B,...       import, read, search, operations, create, mllp, parse, fhirpath, start (all)
  --format table|json  json also writes target/bench/bench.json
  --cpus LIST          processors for server and client together, as `taskset -c` takes them
  --record             also write the table to benches/results/DATE-COMMIT-MACHINE.md; the tree must be as committed
  --keep               leave the data folder where it is, and say where
";

/// Options that are handed on to the load client as they are.
const CLIENT_OPTIONS: &[&str] = &[
    "--seconds",
    "--bundles",
    "--copies",
    "--patients",
    "--seed",
    "--import-clients",
    "--import-seconds-max",
];

struct Options {
    client: Vec<String>,
    rows: Vec<String>,
    json: bool,
    keep: bool,
    record: bool,
    cpus: Option<String>,
}

/// Runs the bench.
///
/// # Errors
/// A message when something does not build, start or answer; also when a row counted an error, after the table.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if arguments.iter().any(|word| word == "--help") {
        print!("{USAGE}");
        return Ok(());
    }
    let options = read(arguments)?;
    if options.record {
        record::check(&root())?;
    }
    let folder = std::env::temp_dir().join(format!("ward-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| format!("no temporary folder: {error}"))?;
    let report = build().and_then(|programs| measure(&options, &programs, &folder));
    if options.keep {
        eprintln!("the data folder stays: {}", folder.display());
    } else {
        let _ = std::fs::remove_dir_all(&folder); // a leftover in the temporary folder harms nothing
    }
    let report = report?;
    if options.record {
        let place = record::write(&root(), &report, arguments)?;
        eprintln!("recorded in {}", place.display());
    }
    if options.json {
        let text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
        let place = root().join("target").join("bench");
        std::fs::create_dir_all(&place)
            .and_then(|()| std::fs::write(place.join("bench.json"), &text))
            .map_err(|error| format!("`target/bench/bench.json` cannot be written: {error}"))?;
        println!("{text}");
    } else {
        print!("{}", table::render(&report));
    }
    match table::errors(&report) {
        0 => Ok(()),
        count => Err(format!("{count} answers were wrong; the rows' `problems` say which")),
    }
}

fn read(arguments: &[String]) -> Result<Options, String> {
    let mut options =
        Options { client: Vec::new(), rows: Vec::new(), json: false, keep: false, record: false, cpus: None };
    let mut patients = false;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--keep" => {
                options.keep = true;
                continue;
            }
            "--record" => {
                options.record = true;
                continue;
            }
            _ => {}
        }
        let value = words.next().ok_or_else(|| format!("`{word}` needs a value\n{USAGE}"))?;
        match word.as_str() {
            "--rows" => options.rows = value.split(',').map(str::to_owned).collect(),
            "--format" => options.json = value == "json",
            "--cpus" => options.cpus = Some(value.clone()),
            known if CLIENT_OPTIONS.contains(&known) => {
                patients |= known == "--patients";
                options.client.extend([word.clone(), value.clone()]);
            }
            _ => return Err(format!("there is no option `{word}`\n{USAGE}")),
        }
    }
    if !patients {
        options.client.extend(["--patients".to_owned(), "4000".to_owned()]);
    }
    Ok(options)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where the release build put what we run.
struct Programs {
    ward: PathBuf,
    load: PathBuf,
}

fn build() -> Result<Programs, String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let status = Command::new(&cargo)
        .args(["build", "--release", "--locked", "-p", "ward", "--bins", "--example", "load"])
        .current_dir(root())
        .status()
        .map_err(|error| format!("`cargo build` did not start: {error}"))?;
    if !status.success() {
        return Err("`cargo build --release` failed".to_owned());
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let release = target.join("release");
    Ok(Programs { ward: release.join("ward"), load: release.join("examples").join("load") })
}

fn measure(options: &Options, programs: &Programs, folder: &Path) -> Result<Value, String> {
    let mut report = json!({ "commit": machine::commit(&root()), "machine": machine::describe(folder, options.cpus.as_deref()) });
    let data = folder.join("data");
    let ward = process::Ward {
        program: &programs.ward,
        data: &data,
        key: &folder.join("root.key"),
        cpus: options.cpus.as_deref(),
    };
    ward.run(&["init"])?;
    let mllp = format!("127.0.0.1:{}", free_port()?);
    let configuration = format!("[[channel]]\nname = \"adt\"\nkind = \"mllp\"\nlisten = \"{mllp}\"\n");
    std::fs::write(data.join("ward.toml"), configuration).map_err(|error| format!("`ward.toml`: {error}"))?;
    let token = folder.join("token");
    std::fs::write(&token, ward.run(&["token", "create", "--scope", "system/*.cruds"])?)
        .map_err(|error| format!("the token: {error}"))?;

    let client = Client { options, program: &programs.load, data: &data, token: &token, mllp: &mllp };
    let mut server = ward.serve()?;
    report["start_empty_ms"] = json!(server.ready_ms);
    let rows: Vec<&str> = options.rows.iter().map(String::as_str).filter(|row| *row != "start").collect();
    let everything = options.rows.is_empty();
    if everything || !rows.is_empty() {
        let rows = if everything {
            "import,read,search,operations,create,mllp,parse,fhirpath".to_owned()
        } else {
            rows.join(",")
        };
        report["run"] = client.run(&server, &rows)?;
    }
    if everything || options.rows.iter().any(|row| row == "start") {
        let began = Instant::now();
        terminate(&mut server)?;
        report["stop_ms"] = json!(ms(began));
        server = ward.serve()?;
        report["start_after_stop"] = client.started(&server)?;
        kill(&mut server)?;
        server = ward.serve()?;
        report["start_after_kill"] = client.started(&server)?;
    }
    terminate(&mut server)?;
    Ok(report)
}

/// The load client, ready to be run against a server.
struct Client<'a> {
    options: &'a Options,
    program: &'a Path,
    data: &'a Path,
    token: &'a Path,
    mllp: &'a str,
}

impl Client<'_> {
    fn run(&self, server: &Server, rows: &str) -> Result<Value, String> {
        let pid = server.pid().to_string();
        let ca = self.data.join("tls").join("ca.crt");
        let mut command = process::on_cpus(self.program, self.options.cpus.as_deref());
        command.args(["--url", &server.url, "--mllp", self.mllp, "--pid", &pid, "--rows", rows]);
        command.arg("--ca").arg(ca).arg("--token-file").arg(self.token).arg("--data").arg(self.data);
        let text = process::output(command.args(&self.options.client))?;
        serde_json::from_str(&text).map_err(|error| format!("the load client's report: {error}"))
    }

    fn started(&self, server: &Server) -> Result<Value, String> {
        let mut first = self.run(server, "first")?;
        first["ready_ms"] = json!(server.ready_ms);
        Ok(first)
    }
}

fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0));
    listener
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| error.to_string())
}

fn ms(began: Instant) -> f64 {
    (began.elapsed().as_secs_f64() * 1e4).round() / 10.0
}
