//! Images: text is read, identifying text is filled, and what cannot be cleaned is not given out.
//!
//! Checks that read need the models (`cargo xtask models`, or `WARD_MODELS`); without them they say what they skipped.

use std::path::{Path, PathBuf};
use std::time::Instant;

use image::{DynamicImage, GrayImage, ImageFormat};
use mask::image::{
    Area, FileLimits, ImageAsk, ImageError, ImagePolicy, KnownValues, Raster, ReadLimits, Reader, Unread,
    decode, mask_canvas, mask_file,
};
use mask::{Entity, Kind, Reason};

use crate::drawn::write;

pub(crate) fn shared() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    std::env::var_os("WARD_SHARED").map_or(beside, PathBuf::from)
}

/// The reader, made once; `None` if there are no models.
pub(crate) fn reader() -> Option<&'static Reader> {
    static READER: std::sync::OnceLock<Option<Reader>> = std::sync::OnceLock::new();
    READER
        .get_or_init(|| {
            let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
            let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
            let folder = set("WARD_MODELS").or_else(|| Some(cache?.join("ward/models")))?;
            let bytes = |name: &str| std::fs::read(folder.join(name)).ok();
            let limits = ReadLimits::default();
            Some(Reader::new(bytes("detection.onnx")?, bytes("recognition.onnx")?, None, limits).unwrap())
        })
        .as_ref()
}

/// Stands in for the engine: words in capitals of four letters or more, dates with dots, telephone numbers.
pub(crate) fn find(text: &str) -> Vec<Entity> {
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.split_inclusive(|letter: char| letter.is_whitespace() || letter == ':') {
        let bare = word.trim_end_matches(|letter: char| !letter.is_alphanumeric());
        let digits = bare.bytes().filter(u8::is_ascii_digit).count();
        let is_name = bare.len() >= 4 && bare.bytes().all(|byte| byte.is_ascii_uppercase());
        if is_name || digits >= 6 {
            let kind = if is_name { Kind::Name } else { Kind::Date };
            found.push(Entity { range: at..at + bare.len(), kind, score: 1.0, reason: Reason::Tagger });
        }
        at += word.len();
    }
    found
}

fn ask<'a>(known: &'a KnownValues, policy: ImagePolicy) -> ImageAsk<'a> {
    ImageAsk { find: &find, known, regions: &[], policy }
}

/// The gold boxes of an image: they were recorded with 25 pixels of padding.
pub(crate) fn gold(name: &str) -> Vec<Area> {
    let text = std::fs::read_to_string(shared().join("corpus/phi/images/ground_truth.json")).unwrap();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    let number = |entry: &serde_json::Value, key: &str| entry[key].as_u64().unwrap() as u32;
    let boxes = all[name].as_array().unwrap().iter();
    boxes
        .map(|entry| {
            let (left, top) = (number(entry, "left") - 25, number(entry, "top") - 25);
            Area::new(left, top, number(entry, "width"), number(entry, "height"))
        })
        .collect()
}

/// Whether every pixel of an area lies in one of others.
pub(crate) fn is_covered(area: &Area, by: &[Area]) -> bool {
    let inside = |x: u32, y: u32| by.iter().any(|area| area.contains(&Area::new(x, y, 1, 1)));
    (area.top..area.bottom).all(|y| (area.left..area.right).all(|x| inside(x, y)))
}

#[test]
fn every_gold_box_of_the_radiographs_is_covered_and_nothing_is_left_to_read() {
    let folder = shared().join("corpus/phi/images");
    let (Some(reader), true) = (reader(), folder.is_dir()) else {
        eprintln!("skipped: 2 radiographs, models or shared folder absent");
        return;
    };
    for name in ["pseudophi_0", "pseudophi_2"] {
        let bytes = std::fs::read(folder.join(format!("{name}.png"))).unwrap();
        let started = Instant::now();
        let known = KnownValues::new();
        let masked =
            mask_file(Some(reader), &bytes, &ask(&known, ImagePolicy::default()), &FileLimits::default());
        let masked = masked.unwrap();
        let milliseconds = started.elapsed().as_millis();
        let page = &masked.pages[0];
        eprintln!("{name}: {milliseconds} ms, {} readings, {} areas", page.readings, page.areas.len());
        for area in gold(name) {
            assert!(is_covered(&area, &page.areas), "{name}: {area:?} not covered by {:?}", page.areas);
        }
        let again = decode(&masked.bytes, ImageFormat::Png, &FileLimits::default()).unwrap().to_rgb8();
        let raster = Raster::rgb(again.width(), again.height(), again.into_raw()).unwrap();
        for line in reader.read(&raster).unwrap() {
            assert_eq!(find(&line.text), [], "{name}: still there at {:?}", line.area);
        }
    }
}

#[test]
fn a_page_of_print_is_masked_its_small_print_too() {
    let Some(reader) = reader() else {
        eprintln!("skipped: 1 page, models absent");
        return;
    };
    let (width, height) = (1240, 1754);
    let mut pixels = vec![250; (width * height) as usize];
    let mut line = |text: &str, top: u32, dot: u32| write(&mut pixels, width, text, (90, top), dot, 10);
    let plain: Vec<Area> =
        (0..20).map(|at| line("THE HIP IS STABLE AND CAN BE USED AS BEFORE", 400 + at * 56, 4)).collect();
    line("THIS IS BOLD PRINT", 310, 4);
    let telling = [
        line("MILLER 00482913 HAS ITS SMALL PRINT UNDER BOLD", 344, 2),
        line("MILLER, HAROLD BORN 07/23/1961", 120, 4),
        line("SEEN AT MILLER ON 11/30/2024", 240, 4),
        line("MILLER 00482913 THIS IS SMALL PRINT AT THE END OF IT", 1640, 2),
    ];
    let mut raster = Raster::grey(width, height, pixels).unwrap();
    let find = |text: &str| {
        find(text).into_iter().filter(|found| text[found.range.clone()].contains(['M', '0', '1'])).collect()
    };
    let known = KnownValues::new();
    let ask = ImageAsk { find: &find, known: &known, regions: &[], policy: ImagePolicy::default() };
    let started = Instant::now();
    let filled = mask_canvas(Some(reader), &mut raster, &ask).unwrap();
    eprintln!("page: {} ms, {} readings", started.elapsed().as_millis(), filled.readings);
    for area in telling {
        assert!(is_covered(&area, &filled.areas), "{area:?} not covered by {:?}", filled.areas);
    }
    let kept = plain.iter().filter(|area| !filled.areas.iter().any(|other| other.intersects(area)));
    assert_eq!(kept.count(), plain.len(), "{:?}", filled.areas);
}

#[test]
fn lines_close_to_filled_ones_keep_their_letters() {
    let Some(reader) = reader() else {
        eprintln!("skipped: 1 page, models absent");
        return;
    };
    let (width, height) = (900, 420);
    let mut pixels = vec![250; (width * height) as usize];
    let mut line = |text: &str, at: u32| write(&mut pixels, width, text, (60, 60 + at * 30), 3, 10);
    let mut lines: [Vec<Area>; 2] = Default::default();
    for at in 0..10 {
        let tells = at % 4 == 1;
        let text = if tells { "SEEN AT MILLER ON 11/30/2024" } else { "THE HIP IS STABLE AND CAN BE USED" };
        lines[usize::from(tells)].push(line(text, at));
    }
    let before = Raster::grey(width, height, pixels).unwrap();
    let mut after = before.clone();
    let find = |text: &str| {
        find(text).into_iter().filter(|found| text[found.range.clone()].contains(['M', '0', '1'])).collect()
    };
    let known = KnownValues::new();
    let ask = ImageAsk { find: &find, known: &known, regions: &[], policy: ImagePolicy::default() };
    let filled = mask_canvas(Some(reader), &mut after, &ask).unwrap();
    let [plain, telling] = lines;
    for area in telling {
        assert!(is_covered(&area, &filled.areas), "{area:?} not covered by {:?}", filled.areas);
    }
    let pixels = |raster: &Raster, area: &Area| -> Vec<u8> {
        let rows =
            raster.pixels().chunks_exact(width as usize).take(area.bottom as usize).skip(area.top as usize);
        rows.flat_map(|row| row[area.left as usize..area.right as usize].to_vec()).collect()
    };
    for area in plain {
        assert_eq!(
            pixels(&before, &area),
            pixels(&after, &area),
            "{area:?} was touched by {:?}",
            filled.areas
        );
    }
}

#[test]
fn text_is_read_turned_inverted_and_at_the_edge() {
    let file = shared().join("corpus/phi/images/ocr_test.png");
    let (Some(reader), true) = (reader(), file.is_file()) else {
        eprintln!("skipped: 4 readings, models or shared folder absent");
        return;
    };
    let page = image::open(file).unwrap().crop_imm(0, 0, 1_098, 190);
    let mut inverted = page.to_rgb8();
    image::imageops::invert(&mut inverted);
    for (how, picture) in [
        ("as it is", page.clone()),
        ("turned right", page.rotate90()),
        ("turned left", page.rotate270()),
        ("inverted", DynamicImage::from(inverted)),
    ] {
        let pixels = picture.to_rgb8();
        let raster = Raster::rgb(pixels.width(), pixels.height(), pixels.into_raw()).unwrap();
        let text: Vec<String> = reader.read(&raster).unwrap().into_iter().map(|line| line.text).collect();
        let text = text.join(" ");
        assert!(text.contains("David Johnson"), "{how}: {text}");
        assert!(text.contains("Contributor License"), "{how}: {text}");
    }
}

#[test]
fn known_values_are_filled_although_the_finder_finds_nothing() {
    let file = shared().join("corpus/phi/images/pseudophi_2.png");
    let (Some(reader), true) = (reader(), file.is_file()) else {
        eprintln!("skipped: 1 image, models or shared folder absent");
        return;
    };
    let mut known = KnownValues::new();
    known.add_name("KAUFNAN^SC0TT"); // as another reader would have it
    known.add_date_text("19430722");
    let nothing = |_: &str| Vec::new();
    let ask = ImageAsk { find: &nothing, known: &known, regions: &[], policy: ImagePolicy::default() };
    let bytes = std::fs::read(file).unwrap();
    let masked = mask_file(Some(reader), &bytes, &ask, &FileLimits::default()).unwrap();
    for area in gold("pseudophi_2") {
        assert!(is_covered(&area, &masked.pages[0].areas), "{area:?}");
    }
}

#[test]
fn what_stays_identifying_after_the_last_round_is_an_error() {
    let file = shared().join("corpus/phi/images/pseudophi_2.png");
    let (Some(reader), true) = (reader(), file.is_file()) else {
        eprintln!("skipped: 1 image, models or shared folder absent");
        return;
    };
    let known = KnownValues::new();
    let policy = ImagePolicy { rounds_max: 0, ..ImagePolicy::default() };
    let outcome =
        mask_file(Some(reader), &std::fs::read(file).unwrap(), &ask(&known, policy), &FileLimits::default());
    assert!(matches!(outcome, Err(ImageError::Remains { .. })), "{outcome:?}");
}

#[test]
fn without_models_an_image_is_refused_or_blanked_as_the_policy_says() {
    let mut pixels = GrayImage::new(200, 100);
    for (x, y, pixel) in pixels.enumerate_pixels_mut() {
        pixel.0 =
            [if (40..120).contains(&x) && (30..50).contains(&y) && (x / 3) % 2 == 0 { 255 } else { 10 }];
    }
    let raster = Raster::grey(200, 100, pixels.into_raw()).unwrap();
    let known = KnownValues::new();
    let with = |unread| ImagePolicy { unread, ..ImagePolicy::default() };
    let refused = mask_canvas(None, &mut raster.clone(), &ask(&known, ImagePolicy::default()));
    assert!(matches!(refused, Err(ImageError::NoModels)), "{refused:?}");
    let no_region = mask_canvas(None, &mut raster.clone(), &ask(&known, with(Unread::FillRegions)));
    assert!(matches!(no_region, Err(ImageError::NoModels)), "{no_region:?}");

    let mut blanked = raster.clone();
    mask_canvas(None, &mut blanked, &ask(&known, with(Unread::FillTextLike))).unwrap();
    assert!(!blanked.pixels().contains(&255));
    assert!(blanked.pixels().contains(&10), "what is smooth stays");

    let region = [Area::new(0, 20, 200, 40)];
    let ask = ImageAsk { regions: &region, ..ask(&known, with(Unread::FillRegions)) };
    let mut filled = raster;
    mask_canvas(None, &mut filled, &ask).unwrap();
    assert!(!filled.pixels().contains(&255));
}

fn png(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut out, format).unwrap();
    out.into_inner()
}

#[test]
fn one_pixel_and_thirty_thousand_are_read_and_what_is_over_the_limit_is_refused() {
    let limits = FileLimits::default();
    let known = KnownValues::new();
    let huge = png(&DynamicImage::from(GrayImage::new(30_000, 5_000)), ImageFormat::Png);
    let outcome = mask_file(None, &huge, &ask(&known, ImagePolicy::default()), &limits);
    assert!(matches!(outcome, Err(ImageError::TooManyPixels { .. })), "{outcome:?}");
    let Some(reader) = reader() else {
        eprintln!("skipped: 3 images, models absent");
        return;
    };
    for (width, height) in [(1, 1), (1, 300), (30_000, 400)] {
        let bytes = png(&DynamicImage::from(GrayImage::new(width, height)), ImageFormat::Png);
        let masked = mask_file(Some(reader), &bytes, &ask(&known, ImagePolicy::default()), &limits).unwrap();
        assert_eq!(masked.pages[0].areas, []);
    }
}

#[test]
fn broken_image_files_are_errors_and_metadata_does_not_come_through() {
    let known = KnownValues::new();
    let policy = ImagePolicy { unread: Unread::FillTextLike, ..ImagePolicy::default() };
    let limits = FileLimits { pixels_max: 1_000_000, ..FileLimits::default() };
    let picture = DynamicImage::from(GrayImage::from_fn(64, 48, |x, y| image::Luma([(x * y) as u8])));
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let bytes = png(&picture, format);
        assert!(mask_file(None, &bytes, &ask(&known, policy), &limits).is_ok());
        for end in 0..bytes.len() {
            let _ = mask_file(None, &bytes[..end], &ask(&known, policy), &limits);
        }
        for at in (0..bytes.len()).step_by(3) {
            let mut broken = bytes.clone();
            broken[at] ^= 0x55;
            let _ = mask_file(None, &broken, &ask(&known, policy), &limits);
        }
    }
    // A comment segment of a JPEG file, right behind its beginning.
    let mut named = png(&picture, ImageFormat::Jpeg);
    named.splice(2..2, [&[0xFF, 0xFE, 0, 12][..], b"PATIENT^AB"].concat());
    let masked = mask_file(None, &named, &ask(&known, policy), &limits).unwrap();
    assert!(!masked.bytes.windows(7).any(|part| part == b"PATIENT"));
    let pdf = mask_file(None, b"%PDF-1.7\n", &ask(&known, policy), &limits);
    assert!(matches!(pdf, Err(ImageError::Pdf)), "{pdf:?}");
    let text = mask_file(None, b"hello", &ask(&known, policy), &limits);
    assert!(matches!(text, Err(ImageError::UnknownFormat)), "{text:?}");
}

#[test]
fn every_page_of_a_tiff_file_is_masked_and_too_many_are_refused() {
    let mut file = std::io::Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut file).unwrap();
    for page in 0..3_u8 {
        let stripes: Vec<u8> = (0..64 * 64).map(|at| if at % 4 < 2 { 200 + page } else { 0 }).collect();
        encoder.write_image::<tiff::encoder::colortype::Gray8>(64, 64, &stripes).unwrap();
    }
    let bytes = file.into_inner();
    let known = KnownValues::new();
    let policy = ImagePolicy { unread: Unread::FillTextLike, ..ImagePolicy::default() };
    let masked = mask_file(None, &bytes, &ask(&known, policy), &FileLimits::default()).unwrap();
    assert_eq!(masked.pages.len(), 3);
    let mut decoder = tiff::decoder::Decoder::new(std::io::Cursor::new(&masked.bytes)).unwrap();
    for page in 0..3 {
        let tiff::decoder::DecodingResult::U8(pixels) = decoder.read_image().unwrap() else {
            panic!("not grey")
        };
        assert!(pixels.iter().all(|pixel| *pixel == 0), "page {page}");
        assert_eq!(decoder.more_images(), page < 2);
        if page < 2 {
            decoder.next_image().unwrap();
        }
    }
    let few = FileLimits { pages_max: 2, ..FileLimits::default() };
    let outcome = mask_file(None, &bytes, &ask(&known, policy), &few);
    assert!(matches!(outcome, Err(ImageError::TooManyPages { pages_max: 2 })), "{outcome:?}");
    for end in (0..bytes.len()).step_by(97) {
        let _ = mask_file(None, &bytes[..end], &ask(&known, policy), &few);
    }
}
