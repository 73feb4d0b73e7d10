//! Prints what a small synthetic hospital sends: `cargo run -p testkit --example deliveries -- SEED PATIENTS`.
#![allow(clippy::print_stdout, reason = "an example prints")]

use testkit::{Hospital, Payload};

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let seed = numbers.next().unwrap_or(1);
    let patients = usize::try_from(numbers.next().unwrap_or(1)).unwrap_or(1);
    let hospital = Hospital::new(seed, patients);
    for delivery in hospital.deliveries() {
        let text = match &delivery.payload {
            Payload::Hl7v2(bytes) => String::from_utf8_lossy(bytes).replace('\r', "\n"),
            Payload::FhirBundle(bytes) => String::from_utf8_lossy(bytes).into_owned() + "\n",
        };
        println!(
            "--- {} {} {} {:?}\n{text}",
            delivery.at.fhir(),
            delivery.feed.as_str(),
            delivery.about,
            delivery.expected
        );
    }
    let bytes: usize = hospital.deliveries().iter().map(|delivery| delivery.payload.bytes().len()).sum();
    println!("{:?}, {bytes} bytes", hospital.counts());
}
