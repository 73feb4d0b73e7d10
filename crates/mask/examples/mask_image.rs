//! Masks images and tells how long it took: `cargo run --release -p mask --example mask_image -- MODELS IMAGE…`, where MODELS is the
//! folder that `cargo xtask models` fills. Networks and lists are loaded before the clock starts; files are decoded before, too.

#![allow(clippy::print_stdout, reason = "an example speaks on its terminal")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use mask::image::{ImageAsk, ImagePolicy, KnownValues, Raster, Reader, mask_canvas};
use mask::{Ask, Engine};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let models = arguments.next().ok_or("the folder of the models is missing")?;
    let bytes = |name: &str| std::fs::read(Path::new(&models).join(name));
    let started = Instant::now();
    let reader = Reader::new(bytes("detection.onnx")?, bytes("recognition.onnx")?, None, Default::default())?;
    println!("networks loaded in {} ms", started.elapsed().as_millis());
    let engine = Engine::new();
    let find = |text: &str| engine.find(text, &Ask::default());
    let known = KnownValues::new();
    let ask = ImageAsk { find: &find, known: &known, regions: &[], policy: ImagePolicy::default() };
    for path in arguments {
        let picture = image::open(&path)?.to_rgb8();
        let mut raster = Raster::rgb(picture.width(), picture.height(), picture.into_raw())?;
        let started = Instant::now();
        let filled = mask_canvas(Some(&reader), &mut raster, &ask)?;
        println!(
            "{path}: {} x {}, {} ms, {} readings, {} areas filled",
            raster.width(),
            raster.height(),
            started.elapsed().as_millis(),
            filled.readings,
            filled.areas.len()
        );
    }
    Ok(())
}
