//! DICOM: the profile's actions, its options, pixels, broken files. What is read from the shared folder is public data.

use std::path::{Path, PathBuf};
use std::time::Instant;

use formats::dicom::{self, DataSet, Element, File, PixelLimits, Tag, Value, Vr};
use mask::image::{ImagePolicy, KnownValues, Reader, Unread};
use mask::records::dicom::{
    Dates, DicomAsk, DicomMaskError, DicomOptions, MaskedDicom, MicrosoftRules, SafePrivate, mask_dicom,
};

use crate::images::{find, gold, is_covered, reader, shared};

struct TestKeys;

impl mask::Keys for TestKeys {
    fn mac(&self, label: &str, data: &[u8]) -> [u8; 32] {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, label.as_bytes());
        aws_lc_rs::hmac::sign(&key, data).as_ref().try_into().unwrap()
    }

    fn block(&self, block: [u8; 16]) -> [u8; 16] {
        self.mac("block", &block)[..16].try_into().unwrap()
    }
}

fn mask_with(
    bytes: &[u8],
    options: &DicomOptions,
    rules: Option<&MicrosoftRules>,
    reader: Option<&Reader>,
) -> Result<MaskedDicom, DicomMaskError> {
    let known = KnownValues::new();
    mask_dicom(
        bytes,
        &DicomAsk {
            keys: &TestKeys,
            shift_days: -100,
            find: &find,
            known: &known,
            reader,
            templates: &[],
            image: ImagePolicy { unread: Unread::FillTextLike, ..ImagePolicy::default() },
            options,
            rules,
            limits: dicom::Limits::default(),
            pixel_limits: PixelLimits { bytes_max: 64 << 20, ..PixelLimits::default() },
        },
    )
}

fn mask(bytes: &[u8], options: &DicomOptions) -> Result<MaskedDicom, DicomMaskError> {
    mask_with(bytes, options, None, None)
}

const NAME: Tag = Tag::new(0x0010, 0x0010);
const ID: Tag = Tag::new(0x0010, 0x0020);
const STUDY_UID: Tag = Tag::new(0x0020, 0x000D);
const STUDY_DATE: Tag = Tag::new(0x0008, 0x0020);
const SERIES_DESCRIPTION: Tag = Tag::new(0x0008, 0x103E);
const CONTENT: Tag = Tag::new(0x0040, 0xA730);
const TEXT_VALUE: Tag = Tag::new(0x0040, 0xA160);

/// A small file of an invented patient.
fn sample() -> File {
    let mut data = DataSet::new();
    let mut put = |group, element, vr, value: &str| {
        data.put(Tag::new(group, element), Element::bytes(vr, value.as_bytes()));
    };
    put(0x0008, 0x0016, Vr::UI, "1.2.840.10008.5.1.4.1.1.7");
    put(0x0008, 0x0018, Vr::UI, "1.2.826.0.1.99.1");
    put(0x0008, 0x0020, Vr::DA, "20240101");
    put(0x0008, 0x0030, Vr::TM, "101500");
    put(0x0008, 0x0050, Vr::SH, "ACC-778899");
    put(0x0008, 0x0060, Vr::CS, "OT");
    put(0x0008, 0x0080, Vr::LO, "Hill Clinic");
    put(0x0008, 0x103E, Vr::LO, "chest of WINTERBOTTOM ap");
    put(0x0009, 0x0010, Vr::LO, "ACME");
    put(0x0009, 0x1001, Vr::LO, "safe value");
    put(0x0009, 0x1002, Vr::LO, "WINTERBOTTOM again");
    put(0x0010, 0x0010, Vr::PN, "WINTERBOTTOM^LEE");
    put(0x0010, 0x0020, Vr::LO, "MRN-445566");
    put(0x0010, 0x0030, Vr::DA, "19500607");
    put(0x0010, 0x0040, Vr::CS, "F");
    put(0x0010, 0x1010, Vr::AS, "073Y");
    put(0x0010, 0x4000, Vr::LT, "WINTERBOTTOM is allergic to MRN-445566");
    put(0x0018, 0x1000, Vr::LO, "SN-12345");
    put(0x0020, 0x000D, Vr::UI, "1.2.826.0.1.99.2");
    put(0x0020, 0x000E, Vr::UI, "1.2.826.0.1.99.3");
    put(0x0020, 0x0011, Vr::IS, "4");
    put(0x7777, 0x7776, Vr::LO, "no such attribute: WINTERBOTTOM");
    let mut reference = DataSet::new();
    reference.put(Tag::new(0x0008, 0x1150), Element::bytes(Vr::UI, "1.2.840.10008.3.1.2.3.1"));
    reference.put(Tag::new(0x0008, 0x1155), Element::bytes(Vr::UI, "1.2.826.0.1.99.2"));
    data.put(Tag::new(0x0008, 0x1199), Element::items(vec![reference]));
    let mut item = DataSet::new();
    item.put(Tag::new(0x0040, 0xA040), Element::bytes(Vr::CS, "TEXT"));
    item.put(TEXT_VALUE, Element::bytes(Vr::UT, "seen by GRUMBLETHORPE on 20240101, no fracture"));
    data.put(CONTENT, Element::items(vec![item]));
    File { meta: DataSet::new(), data, syntax: dicom::Syntax::explicit() }
}

fn read(bytes: &[u8]) -> DataSet {
    dicom::read(bytes, &dicom::Limits::default()).unwrap().data
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn the_basic_profile_leaves_no_identity_private_or_unknown_attribute() {
    let masked = mask(&dicom::write(&sample()), &DicomOptions::default()).unwrap();
    for gone in [
        "WINTERBOTTOM",
        "LEE",
        "445566",
        "778899",
        "Hill",
        "SN-12345",
        "99.2",
        "19500607",
        "20240101",
        "073Y",
        "GRUMBLE",
    ] {
        assert!(!holds(&masked.bytes, gone), "{gone}");
    }
    let data = read(&masked.bytes);
    assert_eq!(data.get(Tag::new(0x7777, 0x7776)), None);
    assert!(data.iter().all(|(tag, _)| !tag.is_private()));
    assert_eq!(data.text(Tag::new(0x0020, 0x0011)).as_deref(), Some("4"));
    assert_eq!(data.text(Tag::new(0x0012, 0x0062)).as_deref(), Some("YES"));
    let codes: Vec<_> =
        data.items(Tag::new(0x0012, 0x0064)).iter().map(|item| item.text(Tag::new(8, 0x100))).collect();
    assert_eq!(codes, [Some("113100".to_owned())]);
    assert_eq!(data.text(Tag::new(0x0028, 0x0303)).as_deref(), Some("REMOVED"));
}

#[test]
fn uids_stay_consistent_within_a_file_and_between_files_and_standard_ones_stay() {
    let first = read(&mask(&dicom::write(&sample()), &DicomOptions::default()).unwrap().bytes);
    let second = read(&mask(&dicom::write(&sample()), &DicomOptions::default()).unwrap().bytes);
    let uid = first.text(STUDY_UID).unwrap();
    assert!(uid.starts_with("2.25.") && uid.len() <= 64, "{uid}");
    let reference = &first.items(Tag::new(0x0008, 0x1199))[0];
    assert_eq!(reference.text(Tag::new(0x0008, 0x1155)), Some(uid));
    assert_eq!(reference.text(Tag::new(0x0008, 0x1150)).as_deref(), Some("1.2.840.10008.3.1.2.3.1"));
    assert_eq!(first, second);
    assert_eq!(first.text(ID), second.text(ID));
}

#[test]
fn options_keep_what_they_say_and_nothing_else() {
    let options = DicomOptions {
        dates: Dates::Shift,
        clean_descriptors: true,
        clean_structured_content: true,
        retain_patient_characteristics: true,
        retain_device_identity: true,
        retain_institution_identity: true,
        safe_private: vec![SafePrivate { creator: "ACME".to_owned(), group: 9, element: 1 }],
        ..DicomOptions::default()
    };
    let masked = mask(&dicom::write(&sample()), &options).unwrap();
    let data = read(&masked.bytes);
    let text = |tag| data.text(tag).unwrap_or_default();
    assert_eq!(text(STUDY_DATE), "20230923");
    assert_eq!(text(Tag::new(0x0008, 0x0030)), "101500");
    assert_eq!(text(Tag::new(0x0010, 0x0030)), "");
    assert_eq!(text(Tag::new(0x0010, 0x1010)), "073Y");
    assert_eq!(text(Tag::new(0x0010, 0x0040)), "F");
    assert_eq!(text(Tag::new(0x0018, 0x1000)), "SN-12345");
    assert_eq!(text(Tag::new(0x0008, 0x0080)), "Hill Clinic");
    assert_eq!(text(SERIES_DESCRIPTION), "chest of [REMOVED] ap");
    assert_eq!(text(Tag::new(0x0009, 0x1001)), "safe value");
    assert_eq!(data.get(Tag::new(0x0009, 0x1002)), None);
    let content = data.items(CONTENT)[0].text(TEXT_VALUE).unwrap();
    assert!(
        content.starts_with("seen by [REMOVED] on [REMOVED]") && content.ends_with("no fracture"),
        "{content}"
    );
    assert!(!holds(&masked.bytes, "WINTERBOTTOM"));
}

#[test]
fn masking_twice_finds_the_same_attributes() {
    let options = DicomOptions { retain_uids: true, ..DicomOptions::default() };
    let once = mask(&dicom::write(&sample()), &options).unwrap();
    let twice = mask(&once.bytes, &options).unwrap();
    let tags = |bytes: &[u8]| read(bytes).iter().map(|(tag, _)| tag).collect::<Vec<_>>();
    assert_eq!(tags(&once.bytes), tags(&twice.bytes));
}

#[test]
fn another_reader_understands_what_is_written() {
    let masked = mask(&dicom::write(&sample()), &DicomOptions::default()).unwrap();
    let object = dicom_object::from_reader(&masked.bytes[..]).unwrap();
    assert_eq!(object.meta().transfer_syntax(), "1.2.840.10008.1.2.1");
    let method = object.element_by_name("DeidentificationMethod").unwrap().to_str().unwrap();
    assert!(method.contains("PS3.15"), "{method}");
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if !path.extension().is_some_and(|end| end == "txt" || end == "md" || end == "json") {
            found.push(path);
        }
    }
}

fn corpus() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&shared().join("corpus/phi/dicom"), &mut found);
    files(&shared().join("corpus/dicom"), &mut found);
    found.sort();
    found
}

/// The values of an original that must not be found again.
fn identities(bytes: &[u8]) -> Vec<String> {
    let Ok(file) = dicom::read(bytes, &dicom::Limits::default()) else { return Vec::new() };
    let mut found = Vec::new();
    for tag in
        [NAME, ID, STUDY_UID, Tag::new(0x0020, 0x000E), Tag::new(0x0008, 0x0018), Tag::new(0x0008, 0x0050)]
    {
        let text = file.data.text(tag).unwrap_or_default();
        found.extend(
            text.split(['^', '\\', '=']).map(str::trim).filter(|part| part.len() > 4).map(str::to_owned),
        );
    }
    found.retain(|value| !value.eq_ignore_ascii_case("anonymized") && !value.starts_with("1.2.840.10008"));
    found
}

#[test]
fn no_identity_of_any_sample_file_survives() {
    let paths = corpus();
    if paths.is_empty() {
        eprintln!("skipped: about 150 DICOM files, shared folder absent");
        return;
    }
    let (mut done, mut refused) = (0, Vec::new());
    for path in &paths {
        let bytes = std::fs::read(path).unwrap();
        for options in [
            DicomOptions::default(),
            DicomOptions {
                clean_pixels: false,
                clean_graphics: true,
                clean_descriptors: true,
                clean_structured_content: true,
                dates: Dates::Shift,
                ..DicomOptions::default()
            },
        ] {
            match mask(&bytes, &options) {
                Ok(masked) => {
                    done += 1;
                    for value in identities(&bytes) {
                        assert!(!holds(&masked.bytes, &value), "{}: an identity is left", path.display());
                    }
                    let again = dicom_object::from_reader(&masked.bytes[..]);
                    assert!(again.is_ok(), "{}: {:?}", path.display(), again.err());
                }
                Err(error) => {
                    refused.push(format!("{}: {error}", path.file_name().unwrap().to_string_lossy()))
                }
            }
        }
    }
    eprintln!("{} files, {done} masked, {} refused: {refused:#?}", paths.len(), refused.len());
    assert!(done >= 200);
}

#[test]
fn every_gold_box_is_covered_in_the_radiographs_of_the_corpus() {
    let folder = shared().join("corpus/phi/dicom");
    let (Some(reader), true) = (reader(), folder.is_dir()) else {
        eprintln!("skipped: 2 radiographs, models or shared folder absent");
        return;
    };
    for (file, name) in [("pseudophi_2.dcm", "pseudophi_2"), ("pseudophi_0_compressed.dcm", "pseudophi_0")] {
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let started = Instant::now();
        let masked = mask_with(&bytes, &DicomOptions::default(), None, Some(reader)).unwrap();
        eprintln!("{file}: {} ms, {} readings", started.elapsed().as_millis(), masked.frames[0].readings);
        for area in gold(name) {
            assert!(
                is_covered(&area, &masked.frames[0].areas),
                "{name}: {area:?} in {:?}",
                masked.frames[0].areas
            );
        }
        let data = read(&masked.bytes);
        assert_eq!(data.text(Tag::new(0x0028, 0x0301)).as_deref(), Some("NO"));
    }
}

#[test]
fn truncated_files_are_errors_or_masked_but_never_a_panic() {
    let paths = corpus();
    if paths.is_empty() {
        eprintln!("skipped: truncations of about 20 files, shared folder absent");
        return;
    }
    let small = paths.iter().filter(|path| path.metadata().unwrap().len() < 12_000).step_by(5);
    let options =
        DicomOptions { clean_graphics: true, clean_structured_content: true, ..DicomOptions::default() };
    let (mut tried, mut slowest) = (0, 0);
    for path in small {
        let bytes = std::fs::read(path).unwrap();
        for end in (0..bytes.len()).step_by(97) {
            let started = Instant::now();
            let _ = mask(&bytes[..end], &options);
            slowest = slowest.max(started.elapsed().as_millis());
            tried += 1;
        }
    }
    eprintln!("{tried} truncations, slowest {slowest} ms");
    assert!(slowest < 5_000);
}

#[test]
fn flipped_bits_are_errors_or_masked_but_never_a_panic() {
    let paths = corpus();
    if paths.is_empty() {
        eprintln!("skipped: flips in about 20 files, shared folder absent");
        return;
    }
    let small = paths.iter().filter(|path| path.metadata().unwrap().len() < 12_000).skip(2).step_by(5);
    let options =
        DicomOptions { clean_graphics: true, clean_structured_content: true, ..DicomOptions::default() };
    let (mut tried, mut slowest, mut seed) = (0, 0, 0x2545_F491_4F6C_DD1D_u64);
    for path in small {
        let bytes = std::fs::read(path).unwrap();
        for _ in 0..60 {
            let mut broken = bytes.clone();
            for _ in 0..4 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let at = seed as usize % broken.len();
                broken[at] ^= 1 << (seed >> 61);
            }
            let started = Instant::now();
            let _ = mask(&broken, &options);
            slowest = slowest.max(started.elapsed().as_millis());
            tried += 1;
        }
    }
    eprintln!("{tried} files with flipped bits (seed 0x2545F4914F6CDD1D), slowest {slowest} ms");
    assert!(slowest < 5_000);
}

#[test]
fn deep_nesting_and_huge_lengths_are_refused_by_tag_and_byte() {
    let mut deep = b"\x08\x00\x18\x00UI\x04\x001.2\0".to_vec();
    for _ in 0..100_000 {
        deep.extend(b"\x08\x00\x99\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF");
    }
    let outcome = mask(&deep, &DicomOptions::default()).unwrap_err().to_string();
    assert!(outcome.contains("(0008,1199)") && outcome.contains("deeper"), "{outcome}");
    let long = b"\x08\x00\x18\x00UI\x04\x001.2\0\x10\x00\x10\x00UT\0\0\xF0\xFF\xFF\x7F";
    let outcome = mask(long, &DicomOptions::default()).unwrap_err().to_string();
    assert!(outcome.contains("(0010,0010) at byte 12"), "{outcome}");
    let wrong = b"\x08\x00\x18\x00UI\x04\x001.2\0\x10\x00\x10\x00??\x04\x00ABCD";
    let outcome = mask(wrong, &DicomOptions::default()).unwrap_err().to_string();
    assert!(outcome.contains("(0010,0010) at byte 12 has no known value representation"), "{outcome}");
}

#[test]
fn the_rules_of_the_microsoft_tool_are_followed() {
    let path = shared().join("corpus/phi/dicom/ms-anonymizer-dicom-configuration.json");
    if let Ok(json) = std::fs::read_to_string(path) {
        let rules = MicrosoftRules::read(&json).unwrap();
        assert!(rules.len() > 200);
        let masked =
            mask_with(&dicom::write(&sample()), &DicomOptions::default(), Some(&rules), None).unwrap();
        assert!(!holds(&masked.bytes, "WINTERBOTTOM") && !holds(&masked.bytes, "445566"));
    } else {
        eprintln!("skipped: 1 rule file, shared folder absent");
    }
    let rules = MicrosoftRules::read(
        r#"{"rules": [
            {"tag": "(0010,0020)", "method": "cryptoHash"},
            {"tag": "StudyDate", "method": "dateShift"},
            {"tag": "(0020,000D)", "method": "refreshUID"},
            {"tag": "(0010,4000)", "method": "encrypt"},
            {"tag": "(0018,1000)", "method": "substitute", "params": {"replaceWith": "DEVICE"}},
            {"tag": "(0020,0011)", "method": "perturb", "setting": "fixed"},
            {"tag": "(0008,005x)", "method": "keep"},
            {"tag": "PN", "method": "redact"}
        ], "customSettings": {"fixed": {"span": 0, "roundTo": 0, "rangeType": "Fixed"}}}"#,
    )
    .unwrap();
    let data = read(
        &mask_with(&dicom::write(&sample()), &DicomOptions::default(), Some(&rules), None).unwrap().bytes,
    );
    let text = |tag| data.text(tag).unwrap_or_default();
    assert_eq!(text(ID).len(), 64);
    assert_eq!(text(STUDY_DATE), "20230923");
    assert!(text(STUDY_UID).starts_with("2.25."));
    assert_eq!(text(Tag::new(0x0018, 0x1000)), "DEVICE");
    assert_eq!(text(Tag::new(0x0020, 0x0011)), "4");
    assert_eq!(text(NAME), "");
    assert_eq!(text(Tag::new(0x0008, 0x0050)), "ACC-778899", "a rule may keep");
    assert!(text(Tag::new(0x0010, 0x4000)).len() > 60);
    for wrong in [
        "{}",
        r#"{"rules": [{"tag": "nonsense", "method": "keep"}]}"#,
        r#"{"rules": [{"tag": "PN", "method": "x"}]}"#,
    ] {
        assert!(MicrosoftRules::read(wrong).is_err(), "{wrong}");
    }
}

/// An image of grey values with an overlay in its high bits and an icon.
fn picture(frames: u16) -> File {
    let mut file = sample();
    let mut number = |group, element, value: u16| {
        file.data.put(Tag::new(group, element), Element::bytes(Vr::US, value.to_le_bytes()));
    };
    for (element, value) in
        [(0x0002, 1), (0x0010, 32), (0x0011, 48), (0x0100, 16), (0x0101, 12), (0x0102, 11), (0x0103, 0)]
    {
        number(0x0028, element, value);
    }
    file.data.put(Tag::new(0x0028, 0x0004), Element::bytes(Vr::CS, "MONOCHROME2"));
    file.data.put(Tag::new(0x0028, 0x0008), Element::bytes(Vr::IS, frames.to_string()));
    let count = 32 * 48 * usize::from(frames);
    let values =
        (0..count).flat_map(|at| (0x8000_u16 | (100 + (at % 7) as u16)).to_le_bytes()).collect::<Vec<u8>>();
    file.data.put(Tag::new(0x7FE0, 0x0010), Element::bytes(Vr::OW, values));
    let mut icon = DataSet::new();
    icon.put(Tag::new(0x7FE0, 0x0010), Element::bytes(Vr::OW, b"ICONWINTERBOTTOM".as_slice()));
    file.data.put(Tag::new(0x0088, 0x0200), Element::items(vec![icon.clone()]));
    file.data.put(Tag::new(0x0008, 0x1199), Element::items(vec![icon]));
    file.data.put(Tag::new(0x6000, 0x3000), Element::bytes(Vr::OW, vec![0xFF; 192]));
    file.data.put(Tag::new(0x6000, 0x0010), Element::bytes(Vr::US, 32_u16.to_le_bytes()));
    file.data.put(Tag::new(0x6000, 0x0011), Element::bytes(Vr::US, 48_u16.to_le_bytes()));
    file.data.put(Tag::new(0x6000, 0x4000), Element::bytes(Vr::LT, "drawn by GRUMBLETHORPE"));
    file
}

#[test]
fn icons_overlays_and_bits_above_the_stored_ones_go() {
    let masked = mask(&dicom::write(&picture(3)), &DicomOptions::default()).unwrap();
    let data = read(&masked.bytes);
    assert!(!holds(&masked.bytes, "WINTERBOTTOM"));
    assert_eq!(data.get(Tag::new(0x0088, 0x0200)), None);
    assert!(data.iter().all(|(tag, _)| !(0x6000..=0x60FF).contains(&tag.group)));
    let Some(Value::Bytes(pixels)) = data.get(Tag::new(0x7FE0, 0x0010)).map(|element| &element.value) else {
        panic!("no pixels")
    };
    assert_eq!(pixels.len(), 32 * 48 * 2 * 3);
    assert!(pixels.chunks(2).all(|pair| pair[1] & 0xF0 == 0));
    assert_eq!(masked.frames.len(), 3);
}

#[test]
fn clean_graphics_keeps_the_overlay_without_its_comments() {
    let options = DicomOptions { clean_graphics: true, ..DicomOptions::default() };
    let masked = mask(&dicom::write(&picture(1)), &options).unwrap();
    let data = read(&masked.bytes);
    assert!(data.get(Tag::new(0x6000, 0x3000)).is_some());
    assert!(!holds(&masked.bytes, "GRUMBLETHORPE"));
}

#[test]
fn frames_in_jpeg_2000_are_looked_at_and_written_uncompressed() {
    let frame = include_bytes!("../../../formats/tests/j2k/grey16.j2k");
    let mut file = picture(2);
    file.syntax = dicom::Syntax::of(dicom::Syntax::JPEG_2000[0]).unwrap();
    let fragments = vec![Vec::new(), frame.to_vec(), frame.to_vec()];
    file.data.put(Tag::new(0x7FE0, 0x0010), Element { vr: Vr::OB, value: Value::Fragments(fragments) });
    let masked = mask(&dicom::write(&file), &DicomOptions::default()).unwrap();
    assert_eq!(masked.frames.len(), 2);
    let file = dicom::read(&masked.bytes, &dicom::Limits::default()).unwrap();
    assert_eq!(file.syntax, dicom::Syntax::explicit());
    let Some(Value::Bytes(pixels)) = file.data.get(Tag::new(0x7FE0, 0x0010)).map(|element| &element.value)
    else {
        panic!("no pixels")
    };
    assert_eq!(pixels.len(), 32 * 48 * 2 * 2);
}

#[test]
fn pixels_that_cannot_be_looked_at_are_refused() {
    let mut file = picture(1);
    file.syntax = dicom::Syntax::of("1.2.840.10008.1.2.4.80").unwrap();
    let fragments = vec![Vec::new(), b"not looked at".to_vec()];
    file.data.put(Tag::new(0x7FE0, 0x0010), Element { vr: Vr::OB, value: Value::Fragments(fragments) });
    let outcome = mask(&dicom::write(&file), &DicomOptions::default()).unwrap_err().to_string();
    assert!(outcome.contains("frame 0 cannot be decoded"), "{outcome}");
    let mut short = picture(2);
    short.data.put(Tag::new(0x0028, 0x0008), Element::bytes(Vr::IS, "9"));
    assert!(mask(&dicom::write(&short), &DicomOptions::default()).is_err());
    let mut floating = sample();
    floating.data.put(Tag::new(0x7FE0, 0x0008), Element::bytes(Vr::OF, vec![0; 16]));
    assert!(mask(&dicom::write(&floating), &DicomOptions::default()).is_err());
}
