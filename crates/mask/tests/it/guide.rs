//! The pictures that the guide shows, before and after: made here, compared with those that stand there.

use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, ImageFormat};
use mask::image::{Area, FileLimits, ImageAsk, ImagePolicy, KnownValues, decode, mask_file};
use mask::{Ask, Engine};

use crate::drawn::{LINES, SIZE, radiograph};
use crate::images::reader;

/// How far around a line that tells something may be filled: a box, its margin, and the same again in later rounds.
const AROUND: u32 = 40;

fn picture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/pictures").join(name)
}

/// The pixels of a picture that stands in the guide; with `WARD_GOLDEN=write` it is written first.
fn golden(name: &str, made: &[u8]) -> Vec<u8> {
    if std::env::var_os("WARD_GOLDEN").is_some() {
        std::fs::write(picture(name), made).unwrap();
    }
    pixels(&std::fs::read(picture(name)).unwrap())
}

fn pixels(png: &[u8]) -> Vec<u8> {
    let image = decode(png, ImageFormat::Png, &FileLimits::default()).unwrap();
    assert_eq!((image.width(), image.height()), SIZE);
    image.into_luma8().into_raw()
}

fn before() -> Vec<u8> {
    let image = GrayImage::from_raw(SIZE.0, SIZE.1, radiograph()).unwrap();
    let mut out = std::io::Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut out, ImageFormat::Png).unwrap();
    out.into_inner()
}

/// Of a masked picture: what tells is black; what is not near it is as it was; what is near it is either.
fn check(before: &[u8], after: &[u8]) {
    let telling: Vec<Area> = LINES.iter().filter(|line| line.tells).map(|line| line.area()).collect();
    let near: Vec<Area> = telling.iter().map(|area| area.grown(AROUND, SIZE.0, SIZE.1)).collect();
    for (at, (was, is)) in before.iter().zip(after).enumerate() {
        let at = u32::try_from(at).unwrap();
        let point = Area::new(at % SIZE.0, at / SIZE.0, 1, 1);
        let lies_in = |areas: &[Area]| areas.iter().any(|area| area.contains(&point));
        let is_right = if lies_in(&telling) { *is == 0 } else { is == was || *is == 0 && lies_in(&near) };
        assert!(is_right, "{was} became {is} at {}, {}", point.left, point.top);
    }
}

#[test]
fn the_pictures_of_the_guide_are_those_that_are_made() {
    let made = before();
    let was = golden("radiograph-before.png", &made);
    assert_eq!(was, radiograph(), "draw it anew with WARD_GOLDEN=write");
    let Some(reader) = reader() else {
        eprintln!("skipped: 1 masked picture of the guide, models absent");
        return;
    };
    let engine = Engine::new();
    let find = |text: &str| engine.find(text, &Ask::default());
    let known = KnownValues::new();
    let ask = ImageAsk { find: &find, known: &known, regions: &[], policy: ImagePolicy::default() };
    let masked = mask_file(Some(reader), &made, &ask, &FileLimits::default()).unwrap();
    check(&was, &pixels(&masked.bytes));
    check(&was, &golden("radiograph-after.png", &masked.bytes));
    let kinds: Vec<_> = masked.pages[0].found.iter().map(|found| (found.kind(), found.area)).collect();
    for line in LINES.iter().filter(|line| line.tells) {
        let area = line.area();
        assert!(kinds.iter().any(|(_, found)| found.intersects(&area)), "{}: {kinds:?}", line.text);
    }
}
