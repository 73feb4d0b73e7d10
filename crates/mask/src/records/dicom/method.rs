//! What was done, written into the file. Source: PS3.15, E.1.1, step 7; PS3.16, CID 7050.

use formats::dicom::{DataSet, Element, Tag, Vr};

use super::{Dates, DicomAsk};

/// Writes the method, as text and as codes, and what it means for pixels and dates.
pub(super) fn write(data: &mut DataSet, ask: &DicomAsk<'_>, pixels_cleaned: bool) {
    let options = ask.options;
    let codes = [
        (true, "113100", "Basic Application Confidentiality Profile"),
        (pixels_cleaned, "113101", "Clean Pixel Data Option"),
        (options.clean_graphics, "113103", "Clean Graphics Option"),
        (options.clean_structured_content, "113104", "Clean Structured Content Option"),
        (options.clean_descriptors, "113105", "Clean Descriptors Option"),
        (
            options.dates == Dates::Keep,
            "113106",
            "Retain Longitudinal Temporal Information Full Dates Option",
        ),
        (
            options.dates == Dates::Shift,
            "113107",
            "Retain Longitudinal Temporal Information Modified Dates Option",
        ),
        (options.retain_patient_characteristics, "113108", "Retain Patient Characteristics Option"),
        (options.retain_device_identity, "113109", "Retain Device Identity Option"),
        (options.retain_uids, "113110", "Retain UIDs Option"),
        (!options.safe_private.is_empty(), "113111", "Retain Safe Private Option"),
        (options.retain_institution_identity, "113112", "Retain Institution Identity Option"),
    ];
    // Rules of another tool may do less than the profile, so its code is not claimed for them.
    let claimed = codes.into_iter().filter(|(holds, ..)| *holds && ask.rules.is_none());
    let items: Vec<DataSet> = claimed.map(|(_, code, meaning)| item(code, meaning)).collect();
    let text = if ask.rules.is_some() { "WARD, BY RULES" } else { "WARD, PS3.15 ANNEX E" };
    data.put(Tag::new(0x0012, 0x0062), Element::bytes(Vr::CS, "YES"));
    data.put(Tag::new(0x0012, 0x0063), Element::bytes(Vr::LO, text));
    if items.is_empty() {
        data.remove(Tag::new(0x0012, 0x0064));
    } else {
        data.put(Tag::new(0x0012, 0x0064), Element::items(items));
    }
    if pixels_cleaned {
        data.put(Tag::new(0x0028, 0x0301), Element::bytes(Vr::CS, "NO"));
    }
    let dates = match options.dates {
        Dates::Remove => "REMOVED",
        Dates::Shift => "MODIFIED",
        Dates::Keep => "UNMODIFIED",
    };
    if ask.rules.is_none() {
        data.put(Tag::new(0x0028, 0x0303), Element::bytes(Vr::CS, dates));
    }
}

fn item(code: &str, meaning: &str) -> DataSet {
    let mut item = DataSet::new();
    item.put(Tag::new(0x0008, 0x0100), Element::bytes(Vr::SH, code));
    item.put(Tag::new(0x0008, 0x0102), Element::bytes(Vr::SH, "DCM"));
    item.put(Tag::new(0x0008, 0x0104), Element::bytes(Vr::LO, meaning));
    item
}
