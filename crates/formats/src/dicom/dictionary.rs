//! The standard's attributes: the one place that asks dicom-rs.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_dictionary_std::StandardDataDictionary;

use super::{Tag, Vr};

/// The representation of a standard attribute; `None` if the standard does not have it. Source: PS3.6.
pub fn vr_of(tag: Tag) -> Option<Vr> {
    let entry = StandardDataDictionary.by_tag(dicom_core::Tag(tag.group, tag.element))?;
    // The dictionary answers for group lengths and private creators, too, which are no attributes.
    if tag.is_private() || tag.element == 0 {
        return None;
    }
    Some(match entry.vr() {
        VirtualVr::Exact(vr) => Vr::named(vr.to_string())?,
        VirtualVr::Xs => Vr::US,
        _ => Vr::OW,
    })
}

/// The tag of a keyword, such as `PatientName`.
pub fn tag_of(keyword: &str) -> Option<Tag> {
    let entry = StandardDataDictionary.by_name(keyword)?;
    let dicom_core::Tag(group, element) = entry.tag();
    Some(Tag::new(group, element))
}

/// The keyword of a standard attribute.
pub fn keyword_of(tag: Tag) -> Option<&'static str> {
    StandardDataDictionary.by_tag(dicom_core::Tag(tag.group, tag.element)).map(|entry| entry.alias)
}
