//! C-CDA documents, made here and shared ones.

use mask::Kind;
use mask::records::Finder;
use mask::records::ccda::{CcdaError, mask};
use mask::transform::{Plan, Tally};
use proptest::prelude::*;

use crate::support::{DATES, TestKeys, Words, corpus, scope, tools};

const DOCUMENT: &str = r##"<?xml version="1.0"?>
<?xml-stylesheet href="x.xsl"?>
<!-- for Quxbury -->
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <id root="2.16.840.1.113883.19.5" extension="DOC-1234567"/>
  <title>Summary for Quxbury</title>
  <effectiveTime value="20200102030405-0500"/>
  <recordTarget><patientRole>
    <id extension="MRN-55501" root="1.2.3"/>
    <addr use="HP"><streetAddressLine>12 Example Street</streetAddressLine><city>Anytown</city><state>MA</state><postalCode>02139</postalCode><country>US</country></addr>
    <telecom value="tel:+1-617-555-0123" use="HP"/>
    <patient><name use="L"><given>Ann</given><family>Quxbury</family></name>
      <administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1" displayName="Female"/>
      <birthTime value="19700314"/></patient>
    <providerOrganization><name>Good Hospital</name></providerOrganization>
  </patientRole></recordTarget>
  <author><time value="20200103"/><assignedAuthor><id root="3f1a0c52-5a7e-4f0e-9d0c-000000000001"/><assignedPerson><name>Dr. Carl Greenfeld</name></assignedPerson></assignedAuthor></author>
  <component><structuredBody><component><section>
    <title>History</title>
    <text><paragraph ID="p1">Mrs. <content>Quxbury</content>, born March 14, 1970, seen on 1/3/2020 &amp; well.<!-- Ann --></paragraph>
      <table border="1"><tr><td>MRN-55501</td><td title="Ann">ok</td></tr></table></text>
    <entry><observation classCode="OBS" moodCode="EVN">
      <id nullFlavor="UNK" root="1.2.840"/>
      <text><reference value="#p1"/></text>
      <effectiveTime><low value="20190101"/><high nullFlavor="UNK"/></effectiveTime>
      <value xsi:type="PQ" value="19" unit="mg"/>
      <value xsi:type="TS" value="20180101"/>
      <value xsi:type="ST">told by Ann</value>
      <value xsi:type="CD" code="195967001" displayName="Asthma (Greenfeld)"/>
    </observation></entry>
  </section></component></structuredBody></component>
</ClinicalDocument>"##;

fn masked_with(text: &str, finder: &dyn Finder) -> Result<(String, Tally), CcdaError> {
    let (keys, plan) = (TestKeys(5), Plan::labels());
    let masked = mask(text.as_bytes(), tools(&keys, finder, &plan), &scope())?;
    Ok((String::from_utf8(masked.bytes).unwrap(), masked.tally))
}

#[test]
fn nobody_is_left_in_a_document_and_its_structure_stays() {
    let (text, tally) = masked_with(DOCUMENT, &DATES).unwrap();
    for gone in [
        "Quxbury",
        "Ann",
        "Greenfeld",
        "Carl",
        "12 Example",
        "Anytown",
        "02139",
        "555-0123",
        "MRN-55501",
        "1234567",
        "19700314",
        "March 14",
        "1/3/2020",
        "3f1a0c52",
        "Good Hospital",
        "<!--",
        "xml-stylesheet",
        "20200102",
        "20190101",
        "20180101",
    ] {
        assert!(!text.contains(gone), "{gone} in {text}");
    }
    for kept in [
        "<state>MA</state>",
        "<postalCode>02100</postalCode>",
        "<telecom use=\"HP\" nullFlavor=\"MSK\"/>",
        "<city nullFlavor=\"MSK\"></city>",
        "code=\"F\"",
        "displayName=\"Female\"",
        "<reference value=\"#p1\"/>",
        "value=\"19\" unit=\"mg\"",
        "030405-0500\"",
        "&amp; well.",
        "<given>[NAME]</given><family>[NAME]</family>",
        "<name>[ORGANIZATION]</name>",
        "extension=\"POCD_HD000040\"",
        "root=\"1.2.840\"",
        "<content>[NAME]</content>, born ",
        "displayName=\"Asthma ([NAME])\"",
    ] {
        assert!(text.contains(kept), "{kept} in {text}");
    }
    assert!(tally.total() > 15);
    let tags = |text: &str| text.matches('<').count();
    // Two comments, one instruction and the declaration went; declaration and seal came.
    assert_eq!(tags(&text), tags(DOCUMENT) - 4 + 2);
}

#[test]
fn masking_twice_is_masking_once() {
    let (once, _) = masked_with(DOCUMENT, &DATES).unwrap();
    let (twice, tally) = masked_with(&once, &DATES).unwrap();
    assert_eq!(once, twice);
    assert_eq!(tally, Tally::default());
    let forged = once.replace("History", "Quxbury story");
    assert_ne!(masked_with(&forged, &DATES).unwrap().0, forged);
}

#[test]
fn bodies_in_base_64_are_searched_or_go() {
    use base64::Engine as _;
    let finder = Words(&[("Miller", Kind::Name)]);
    let body = |media_type: &str, text: &str| {
        let data = base64::engine::general_purpose::STANDARD.encode(text);
        format!(
            "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><component><nonXMLBody><text mediaType=\"{media_type}\" representation=\"B64\">{data}</text>\
             </nonXMLBody></component></ClinicalDocument>"
        )
    };
    let (text, _) = masked_with(&body("text/plain", "by Miller"), &finder).unwrap();
    let data = text.split("representation=\"B64\">").nth(1).unwrap().split('<').next().unwrap();
    assert_eq!(base64::engine::general_purpose::STANDARD.decode(data).unwrap(), b"by [NAME]");
    let (text, tally) = masked_with(&body("application/pdf", "by Miller"), &finder).unwrap();
    assert!(text.contains("representation=\"B64\" nullFlavor=\"MSK\"></text>"), "{text}");
    assert_eq!(tally.removed_unread, 1);
}

#[test]
fn what_is_no_sound_document_is_refused() {
    let check = |text: &str, expected: CcdaError| {
        assert_eq!(masked_with(text, &DATES).unwrap_err(), expected, "{text:.60}")
    };
    check("", CcdaError::Malformed);
    check("<html/>", CcdaError::NotCda);
    check("<ClinicalDocument>", CcdaError::Malformed);
    check("<ClinicalDocument></a></ClinicalDocument>", CcdaError::Malformed);
    check("<ClinicalDocument/><ClinicalDocument/>", CcdaError::NotCda);
    check(
        "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><ClinicalDocument>&e;</ClinicalDocument>",
        CcdaError::DocumentType,
    );
    check("<ClinicalDocument>&e;</ClinicalDocument>", CcdaError::Malformed);
    let deep = format!("<ClinicalDocument>{}{}</ClinicalDocument>", "<a>".repeat(300), "</a>".repeat(300));
    check(&deep, CcdaError::TooDeep);
    let keys = TestKeys(1);
    let error =
        mask(b"<ClinicalDocument>\xff</ClinicalDocument>", tools(&keys, &DATES, &Plan::labels()), &scope());
    assert_eq!(error.unwrap_err(), CcdaError::CharacterSet);
}

fn documents() -> Vec<String> {
    let Some(folder) = corpus("ccda", 300) else { return Vec::new() };
    let (mut folders, mut found) = (vec![folder], Vec::new());
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path)
                && text.contains("<ClinicalDocument")
                && text.len() < 3 << 20
            {
                found.push(text);
            }
        }
    }
    found
}

/// The texts of elements of that name, and the values of an attribute of them.
fn texts_of(document: &str, element: &str) -> Vec<String> {
    document
        .split(&format!("<{element}"))
        .skip(1)
        .filter_map(|rest| {
            let (_, text) = rest.split_once('>')?;
            let text = text.split('<').next()?.trim();
            (text.chars().count() >= 4
                && text.chars().all(|letter| letter.is_alphanumeric() || letter == ' '))
            .then(|| text.to_owned())
        })
        .collect()
}

#[test]
fn no_identity_of_the_shared_documents_is_left() {
    let (mut count, mut looked_for, mut refused) = (0, 0, 0);
    for document in documents() {
        let (text, _) = match masked_with(&document, &DATES) {
            Ok(masked) => masked,
            Err(_) => {
                refused += 1;
                continue;
            }
        };
        assert_eq!(masked_with(&text, &DATES).unwrap().0, text);
        let header = document.split("<structuredBody").next().unwrap();
        for element in ["family", "given", "streetAddressLine"] {
            for value in texts_of(header, element) {
                looked_for += 1;
                let stands = text.match_indices(&value).any(|(at, found)| {
                    let apart = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
                    apart(text[..at].chars().next_back()) && apart(text[at + found.len()..].chars().next())
                });
                assert!(!stands, "a {element} of {} characters", value.chars().count());
            }
        }
        count += 1;
    }
    eprintln!("masked {count} documents, refused {refused}; {looked_for} identities looked for, none left");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_makes_it_panic(inserted in "\\PC{0,40}", at in 0_usize..2500, length in 0_usize..60) {
        let cut = |at: usize| (0..=at.min(DOCUMENT.len())).rev().find(|at| DOCUMENT.is_char_boundary(*at)).unwrap_or(0);
        let text = format!("{}{inserted}{}", &DOCUMENT[..cut(at)], &DOCUMENT[cut(at + length)..]);
        let _ = masked_with(&text, &DATES);
    }
}
