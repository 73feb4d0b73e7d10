//! Reads one image: `cargo run --release -p mask --example read_image -- DETECTION RECOGNITION IMAGE`.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a small tool for measuring"
)]
use std::time::Instant;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let started = Instant::now();
    let bytes = |at: usize| std::fs::read(arguments.get(at).unwrap()).unwrap();
    let reader = mask::image::Reader::new(bytes(1), bytes(2), None, Default::default()).unwrap();
    println!("{reader:?} loaded in {} ms", started.elapsed().as_millis());
    let picture = image::load_from_memory(&bytes(3)).unwrap().to_rgb8();
    let raster = mask::image::Raster::rgb(picture.width(), picture.height(), picture.into_raw()).unwrap();
    for _ in 0..2 {
        let started = Instant::now();
        let lines = reader.read(&raster).unwrap();
        println!("{} lines in {} ms", lines.len(), started.elapsed().as_millis());
        for line in &lines {
            println!(
                "{:.2} {:?} {:?} {:?}",
                line.score,
                line.area,
                line.text,
                line.words.iter().map(|w| w.area).collect::<Vec<_>>()
            );
        }
    }
}
