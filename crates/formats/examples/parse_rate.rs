//! Prints how many messages a second are parsed, against a floor measured in the same run: the same bytes checked to be
//! UTF-8 and split at the three main delimiters into fresh lists of lists. Run it with `--release`.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::hint::black_box;
use std::time::Instant;

use formats::hl7v2::{ParseOptions, parse};

/// About 2 kB: a header, a patient, a visit, an order and 18 results.
fn sample() -> String {
    let mut text = String::from(
        "MSH|^~\\&|LAB^1.2.3.4^ISO|NORTH|HUB|WARD|20260102030405+0000||ORU^R01^ORU_R01|M000001|P|2.5.1||||||UNICODE UTF-8\r\
         PID|1||1000017^^^NORTH&1.2.3.5&ISO^MR||Tarol^Meli^B^^^^L||19700102|F|||12 Elm Road^^Milltown^ZZ^00000^^H||(555)555-0101\r\
         PV1|1|I|4W^401^A^NORTH||||9001^Doran^Pel^^^^^^NORTH|||MED||||||||V100^^^NORTH|||||||||||||||||||||||||20260101\r\
         ORC|RE|P1^HUB|F1^LAB||CM\r\
         OBR|1|P1^HUB|F1^LAB|24323-8^Comprehensive metabolic panel^LN|||20260102020000+0000|||||||||9001^Doran^Pel||||||20260102030000||CH|F\r",
    );
    for row in 1..=18 {
        let line = format!(
            "OBX|{row}|NM|2345-7^Glucose [Mass/volume] in Serum or Plasma^LN||{}.5|mg/dL^^UCUM|70-99|N|||F\r",
            70 + row
        );
        text.push_str(&line);
    }
    text
}

fn naive(bytes: &[u8]) -> Vec<Vec<Vec<&str>>> {
    let text = std::str::from_utf8(bytes).unwrap_or("");
    text.split('\r')
        .map(|segment| segment.split('|').map(|field| field.split('^').collect()).collect())
        .collect()
}

/// Calls `work` for about a second and gives calls a second.
fn rate(mut work: impl FnMut()) -> f64 {
    (0..2_000).for_each(|_| work());
    let start = Instant::now();
    let mut count = 0u32;
    while start.elapsed().as_millis() < 1_000 {
        (0..500).for_each(|_| work());
        count += 500;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

fn main() {
    let text = sample();
    let bytes = text.as_bytes();
    let options = ParseOptions::default();
    let floor = rate(|| {
        black_box(naive(black_box(bytes)));
    });
    let parsing = rate(|| {
        black_box(parse(black_box(bytes), &options).is_ok());
    });
    let walking = rate(|| {
        if let Ok(parsed) = parse(black_box(bytes), &options) {
            black_box(parsed.message.leaves().map(|(_, text)| text.len()).sum::<usize>());
        }
    });
    println!("message: {} bytes", bytes.len());
    println!("naive split (floor):      {floor:>10.0} messages/s");
    println!("parse:                    {parsing:>10.0} messages/s ({:.2} x floor)", parsing / floor);
    println!("parse and walk all leaves:{walking:>10.0} messages/s ({:.2} x floor)", walking / floor);
}
