//! How many megabytes a second each tier searches: `cargo run --release -p mask --example speed [FILE]`. Without a file, on a note
//! of its own repeated to 8 MB.

#![allow(clippy::print_stdout, reason = "an example speaks on its terminal")]

use std::error::Error;
use std::time::Instant;

use mask::{Ask, Engine, Tier};

const NOTE: &str = "DISCHARGE SUMMARY\nPatient: Ines Kowalczyk\nMRN: QF204518   DOB: 7 June 1951\nThe patient is a 74-year-old woman with \
hypertension, type 2 diabetes and chronic kidney disease who was admitted after a fall at home. On arrival blood pressure was 148/82, \
pulse 96 and regular, temperature 37.1. She denied chest pain, dyspnea or loss of consciousness. Radiographs of the left hip showed no \
fracture. Creatinine was 1.6 mg/dL, hemoglobin 11.2 g/dL. Metformin 500 mg twice daily was continued, lisinopril held. Ms. Kowalczyk was \
seen by physical therapy on March 3, walked 40 feet with a walker and was discharged to her daughter's home in good condition. Follow-up \
in two weeks; call 555-014-2230 with questions. Return for fever, worsening pain, numbness or weakness of the leg.\n\n";

fn main() -> Result<(), Box<dyn Error>> {
    let text = match std::env::args().nth(1) {
        Some(path) => std::fs::read_to_string(path)?,
        None => NOTE.repeat(8_000_000 / NOTE.len()),
    };
    let engine = Engine::new();
    let started = Instant::now();
    engine.warm_up();
    println!("load  {:>8.1} ms", started.elapsed().as_secs_f64() * 1e3);
    for tier in [Tier::Scan, Tier::Full] {
        let started = Instant::now();
        let found = engine.find(&text, &Ask { tier, ..Ask::default() });
        let seconds = started.elapsed().as_secs_f64();
        println!("{tier:?}  {:>8.2} MB/s  {} entities", text.len() as f64 / 1e6 / seconds, found.len());
    }
    Ok(())
}
