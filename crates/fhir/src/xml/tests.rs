use super::*;
use crate::json::{self, Limits, Value};
use proptest::prelude::*;

fn json(text: &str) -> Value {
    json::parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn xml(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn both_ways(json_text: &str, xml_text: &str) {
    let value = json(json_text);
    assert_eq!(xml(xml_text), value);
    let written = String::from_utf8(write(&value, Layout::Compact).unwrap()).unwrap();
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    assert_eq!(written.strip_prefix(head).unwrap(), xml_text);
    let indented = write(&value, Layout::Indented).unwrap();
    assert_eq!(parse(&indented, &Limits::default()).unwrap(), value);
}

#[test]
fn a_resource_has_the_same_content_in_both_forms() {
    both_ways(
        r#"{"resourceType":"Patient","id":"a","active":true,"name":[{"id":"n","family":"Muster","given":["Ana","M"]}],"birthDate":"1970-01-01"}"#,
        r#"<Patient xmlns="http://hl7.org/fhir"><id value="a"/><active value="true"/><name id="n"><family value="Muster"/><given value="Ana"/><given value="M"/></name><birthDate value="1970-01-01"/></Patient>"#,
    );
}

#[test]
fn ids_and_extensions_of_primitives_stay_at_their_places() {
    both_ways(
        r#"{"resourceType":"Patient","name":[{"given":["A",null,"C"],"_given":[null,{"extension":[{"url":"http://x/y","valueCode":"z"}]},{"id":"c"}]}],"_birthDate":{"extension":[{"url":"http://x/y","valueBoolean":false}]}}"#,
        r#"<Patient xmlns="http://hl7.org/fhir"><name><given value="A"/><given><extension url="http://x/y"><valueCode value="z"/></extension></given><given id="c" value="C"/></name><birthDate><extension url="http://x/y"><valueBoolean value="false"/></extension></birthDate></Patient>"#
            .replace(r#"<given id="c" value="C"/>"#, r#"<given value="C" id="c"/>"#)
            .as_str(),
    );
}

#[test]
fn decimals_narratives_and_inner_resources_are_kept_as_written() {
    both_ways(
        r##"{"resourceType":"Observation","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a &lt; b<br/></p></div>"},"contained":[{"resourceType":"Patient","id":"p"}],"status":"final","code":{"text":"x"},"subject":{"reference":"#p"},"valueQuantity":{"value":1.00}}"##,
        r##"<Observation xmlns="http://hl7.org/fhir"><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p>a &lt; b<br/></p></div></text><contained><Patient><id value="p"/></Patient></contained><status value="final"/><code><text value="x"/></code><subject><reference value="#p"/></subject><valueQuantity><value value="1.00"/></valueQuantity></Observation>"##,
    );
}

#[test]
fn a_div_that_would_leave_its_place_is_written_as_text() {
    for div in [
        "<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div></text><x/>",
        "<div>no namespace</div>",
        "<div xmlns=\"http://www.w3.org/1999/xhtml\">&nbsp;</div>",
        "<!DOCTYPE a><div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>",
        "plain",
    ] {
        let value = json_object(div);
        let written = write(&value, Layout::Compact).unwrap();
        let back = parse(&written, &Limits::default()).unwrap();
        let text = back.get("text").and_then(|text| text.get("div")).and_then(Value::as_str).unwrap();
        assert!(!text.contains("<x/>") && text.starts_with("<div xmlns"), "{text}");
    }
}

fn json_object(div: &str) -> Value {
    crate::json_object! {
        "resourceType": "Basic",
        "text": crate::json_object! { "status": "generated", "div": div },
    }
}

fn refused(text: &str, kind: XmlErrorKind, path: &str) {
    let error = parse(text.as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!((&error.kind, error.path.as_str()), (&kind, path), "{text}");
}

#[test]
fn what_is_not_fhir_in_xml_is_refused_with_its_place() {
    use XmlErrorKind as K;
    let fhir = |inner: &str| format!("<Patient xmlns=\"http://hl7.org/fhir\">{inner}</Patient>");
    refused("", K::NoResource, "");
    refused("<Patient/>", K::Namespace, "");
    refused("<Nothing xmlns=\"http://hl7.org/fhir\"/>", K::NoResource, "");
    refused("<!DOCTYPE p [<!ENTITY a \"b\">]><Patient xmlns=\"http://hl7.org/fhir\"/>", K::DocumentType, "");
    refused(&fhir("<nme/>"), K::UnknownElement, "Patient.nme");
    refused(&fhir("<name><family value=\"&a;\"/></name>"), K::Entity, "Patient.name.family");
    refused(&fhir("<active value=\"yes\"/>"), K::NotA("boolean"), "Patient.active");
    refused(&fhir("<active value=\"true\"/><active value=\"true\"/>"), K::Repeated, "Patient");
    refused(&fhir("<active/>"), K::Empty, "Patient");
    refused(&fhir("<active given=\"true\"/>"), K::UnknownAttribute, "Patient.active");
    refused(&fhir("text"), K::Text, "Patient");
    refused(&fhir("<text><div>a</div></text>"), K::NotXhtml, "Patient.text.div");
    refused(&fhir("<name>"), K::Malformed, "Patient.name");
    refused("<Patient xmlns=\"http://hl7.org/fhir\">", K::Malformed, "Patient");
    refused(&format!("{}<a/>", fhir("")), K::TrailingContent, "");
}

#[test]
fn depth_count_and_length_are_bounded() {
    let deep = format!("<Basic xmlns=\"http://hl7.org/fhir\">{}", "<extension url=\"a\">".repeat(100_000));
    let error = parse(deep.as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!(error.kind, XmlErrorKind::TooDeep(64));
    let div = format!(
        "<Basic xmlns=\"http://hl7.org/fhir\"><text><div xmlns=\"http://www.w3.org/1999/xhtml\">{}",
        "<p>".repeat(100_000)
    );
    assert_eq!(parse(div.as_bytes(), &Limits::default()).unwrap_err().kind, XmlErrorKind::TooDeep(64));
    let limits = Limits { nodes_max: 3, ..Limits::default() };
    let many = "<Basic xmlns=\"http://hl7.org/fhir\"><id value=\"a\"/><language value=\"b\"/></Basic>";
    assert_eq!(parse(many.as_bytes(), &limits).unwrap_err().kind, XmlErrorKind::TooMany(3));
    let limits = Limits { bytes_max: 10, ..Limits::default() };
    assert_eq!(parse(many.as_bytes(), &limits).unwrap_err().kind, XmlErrorKind::TooLong(10));
}

#[test]
fn a_line_and_a_column_are_named() {
    let error = parse(b"<Patient xmlns=\"http://hl7.org/fhir\">\n  <nme/>\n</Patient>", &Limits::default())
        .unwrap_err();
    assert_eq!((error.line, error.column), (2, 3));
    assert_eq!(error.to_string(), "an element that is not known here at line 2, column 3 (in `Patient.nme`)");
}

proptest! {
    #[test]
    fn any_text_comes_back(text in "[\\PC\\n\\t\\r]{1,40}") {
        let value = crate::json_object! { "resourceType": "Basic", "code": crate::json_object! { "text": text.as_str() } };
        for layout in [Layout::Compact, Layout::Indented] {
            let written = write(&value, layout).unwrap();
            prop_assert_eq!(parse(&written, &Limits::default()).unwrap(), value.clone());
        }
    }

    #[test]
    fn no_bytes_panic_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, &Limits::default());
    }

    #[test]
    fn no_markup_panics_the_reader(parts in prop::collection::vec(prop::sample::select(vec![
        "<Patient xmlns=\"http://hl7.org/fhir\">", "</Patient>", "<name>", "</name>", "<given value=\"a\"/>", "<![CDATA[", "]]>",
        "&amp;", "&#0;", "<!--", "-->", "<?a", "?>", "<text>", "<div xmlns=\"http://www.w3.org/1999/xhtml\">", "</div>", "x", " ",
    ]), 0..24)) {
        let text = parts.concat();
        if let Ok(value) = parse(text.as_bytes(), &Limits::default()) {
            prop_assert!(write(&value, Layout::Compact).is_ok());
        }
    }
}
