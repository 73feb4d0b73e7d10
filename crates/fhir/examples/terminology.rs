//! How long a large code system takes to read and to ask, and how much memory it takes.
//!
//! `cargo run --release -p fhir --example terminology [CONCEPTS]` (100,000 without a number): made-up laboratory codes in a
//! hierarchy, each with a display, a German designation and five properties.

#![allow(clippy::print_stdout, reason = "an example speaks on its terminal")]

use std::fmt::Write as _;
use std::time::Instant;

use fhir::json::{Limits, parse};
use fhir::terminology::{ExpansionOptions, Loaded, Terminology};

const ASKED: usize = 100_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: usize = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let text = system(count)?;
    println!("{count} concepts, {:.1} MB of JSON", text.len() as f64 / 1e6);
    let limits = Limits { bytes_max: usize::MAX, nodes_max: usize::MAX, ..Limits::default() };
    let value = timed("parse", 1, || parse(text.as_bytes(), &limits))?;
    let mut library = Loaded::new();
    timed("read", 1, || library.add(&value))?;
    drop(value);
    let terminology = Terminology::new(&library);
    let system = terminology.library.code_system("urn:lab", None).ok_or("the code system is not there")?;
    println!("memory: {:.1} MB", system.memory_bytes() as f64 / 1e6);

    let all = terminology.value_set("urn:lab-all", None)?;
    let codes: Vec<String> = (0..ASKED).map(|at| code(at * 7919 % count)).collect();
    timed("lookup of a concept", ASKED, || {
        codes.iter().filter(|code| system.concept(code).is_some()).count()
    });
    timed("member_of", ASKED, || {
        codes.iter().filter(|code| terminology.is_member(&all, Some("urn:lab"), code) == Ok(true)).count()
    });
    let root = code(count / 20);
    timed("subsumes", ASKED, || {
        codes.iter().filter(|code| terminology.subsumes("urn:lab", None, &root, code).is_ok()).count()
    });
    let page = |filter: Option<&str>| ExpansionOptions {
        filter: filter.map(str::to_owned),
        count: Some(20),
        ..ExpansionOptions::default()
    };
    timed("expand, first page of all", 1, || terminology.expand(&all, &page(None)).map(|page| page.total))?;
    let found = timed("expand with a filter", 1, || terminology.expand(&all, &page(Some("substance 77"))))?;
    println!("the filter found {}", found.total);
    Ok(())
}

fn timed<T>(what: &str, times: usize, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    let micros = started.elapsed().as_secs_f64() * 1e6 / times as f64;
    println!("{what}: {micros:.2} µs each");
    done
}

fn code(at: usize) -> String {
    format!("{at}-{}", at % 10)
}

fn system(count: usize) -> Result<String, std::fmt::Error> {
    let mut text = String::from(
        r#"{"resourceType":"CodeSystem","url":"urn:lab","status":"active","content":"complete","valueSet":"urn:lab-all","concept":["#,
    );
    for at in 0..count {
        let separator = if at == 0 { "" } else { "," };
        let (code, parent) = (code(at), code(at / 10));
        write!(
            text,
            r#"{separator}{{"code":"{code}","display":"Substance {at} [Mass/volume] in Serum or Plasma","designation":[{{"language":"de","value":"Stoff {at} im Serum oder Plasma"}}],"property":[{{"code":"parent","valueCode":"{parent}"}},{{"code":"COMPONENT","valueString":"Substance {at}"}},{{"code":"PROPERTY","valueString":"MCnc"}},{{"code":"SYSTEM","valueString":"Ser/Plas"}},{{"code":"SCALE_TYP","valueString":"Qn"}}]}}"#
        )?;
    }
    text.push_str("]}");
    Ok(text)
}
