//! The free texts of a record, with their places: of FHIR what people write or read, of HL7 v2 results and notes.
//!
//! What is there to name somebody is at home where it stands (names, addresses, identifiers, whole resources about persons and
//! institutions) and no leak. The same in a narrative, a note or an attachment is one.

use std::fmt::Write as _;

use fhir::definitions::{self, Kind, Primitive, Type};
use fhir::json::Value;
use fhir::search::words;
use formats::hl7v2::Message;

use crate::records::attachment;

/// Values nested deeper than this are not looked into; valid resources are not.
const DEPTH_MAX: usize = 64;

/// Resources that are about somebody or some place by themselves.
const ABOUT: [&str; 6] = ["Patient", "Practitioner", "RelatedPerson", "Person", "Organization", "Location"];

/// Types of elements that are there to name, or to be compared by machines.
const NAMING: [&str; 9] = [
    "HumanName",
    "Address",
    "ContactPoint",
    "ContactDetail",
    "Contributor",
    "Identifier",
    "Meta",
    "Reference",
    "Coding",
];

/// Whether resources of this type are about somebody or some place by themselves: what names is at home in all of them.
#[must_use]
pub fn is_about_somebody(resource_type: &str) -> bool {
    ABOUT.contains(&resource_type)
}

/// Gives every free text of a resource, those of a bundle's entries and of contained resources too, with its path.
pub(super) fn fhir(resource: &Value, found: &mut dyn FnMut(&str, &str)) {
    let mut path = String::from("$");
    inside(resource, &mut path, 0, found);
}

fn inside(resource: &Value, path: &mut String, depth: usize, found: &mut dyn FnMut(&str, &str)) {
    let Some(ty) = resource.resource_type().and_then(definitions::resource_named) else { return };
    if !is_about_somebody(ty.name) {
        members(resource, ty, path, depth, found);
    }
}

fn members(
    value: &Value,
    ty: &'static Type,
    path: &mut String,
    depth: usize,
    found: &mut dyn FnMut(&str, &str),
) {
    let (Some(object), true) = (value.as_object(), depth < DEPTH_MAX) else { return };
    if matches!(ty.name, "Attachment" | "Binary") {
        document(value, path, found);
    }
    let length = path.len();
    for (name, member) in object.iter() {
        let Some(property) = ty.property(name) else { continue };
        // The `id` of an element is a string in the definitions, yet no text; who wrote a note is named there by design.
        if matches!(name, "id" | "authorString") || NAMING.contains(&property.ty.name) {
            continue;
        }
        let is_list = matches!(member, Value::Array(_));
        for (at, element) in member.elements().iter().enumerate() {
            path.push('.');
            path.push_str(name);
            if is_list {
                let _ = write!(path, "[{at}]");
            }
            match (property.ty.primitive, element.as_str()) {
                (Some(Primitive::String | Primitive::Markdown), Some(text)) => found(path, text),
                (Some(Primitive::Xhtml), Some(markup)) => {
                    words::pieces(markup, &mut |piece| found(path, piece));
                }
                (Some(_), _) => {}
                (None, _) if property.ty.kind == Kind::Resource => inside(element, path, depth + 1, found),
                (None, _) => members(element, property.ty, path, depth + 1, found),
            }
            path.truncate(length);
        }
    }
}

/// What an attachment holds, as far as it is text of some kind.
fn document(value: &Value, path: &mut String, found: &mut dyn FnMut(&str, &str)) {
    let member = |name: &str| value.get(name).and_then(Value::as_str);
    let Some((kind, data)) = member("contentType").zip(member("data")) else { return };
    let Some(text) = attachment::text_of_base64(kind, data) else { return };
    let length = path.len();
    path.push_str(".data");
    if text.is_markup {
        words::pieces(&text.text, &mut |piece| found(path, piece));
    } else {
        found(path, &text.text);
    }
    path.truncate(length);
}

/// Gives the results and notes of a message: OBX-5 of texts, and NTE-3.
pub(super) fn hl7v2(message: &Message, found: &mut dyn FnMut(&str, &str)) {
    for segment in message.segments() {
        let field = match segment.name() {
            "NTE" => 3,
            "OBX" if segment.value(2).is_some_and(|kind| matches!(&*kind, "TX" | "FT" | "ST")) => 5,
            _ => continue,
        };
        let Some(field) = segment.field(field) else { continue };
        let path = format!("{}[{}]-{}", segment.name(), segment.occurrence(), field.number());
        let texts: Vec<_> = field.repetitions().map(|repetition| repetition.text()).collect();
        found(&path, &texts.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    fn paths(resource: &str) -> Vec<(String, String)> {
        let value = fhir::json::parse(resource.as_bytes(), &fhir::json::Limits::default()).unwrap();
        let mut found = Vec::new();
        super::fhir(&value, &mut |path, text| found.push((path.to_owned(), text.trim().to_owned())));
        found
    }

    #[test]
    fn texts_that_people_write_are_found_with_their_paths_and_what_names_is_not() {
        let found = paths(
            r#"{"resourceType":"Observation","id":"a","text":{"status":"generated","div":"<div>seen <b>well</b><p>again</p></div>"},
            "contained":[{"resourceType":"Patient","name":[{"family":"Lee"}]}],
            "subject":{"reference":"Patient/1","display":"Ada Lee"},"identifier":[{"value":"777"}],
            "code":{"coding":[{"display":"Weight"}],"text":"weight"},
            "note":[{"authorString":"Dr. Lee","text":"one"},{"text":"two"}]}"#,
        );
        let expected = [
            ("$.text.div", "seen well"),
            ("$.text.div", "again"),
            ("$.code.text", "weight"),
            ("$.note[0].text", "one"),
            ("$.note[1].text", "two"),
        ];
        assert_eq!(found, expected.map(|(path, text)| (path.to_owned(), text.to_owned())));
        assert!(paths(r#"{"resourceType":"Patient","text":{"div":"<div>Ada Lee</div>"}}"#).is_empty());
    }

    #[test]
    fn entries_of_bundles_and_attachments_are_looked_into() {
        let found = paths(
            r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"DocumentReference",
            "content":[{"attachment":{"contentType":"text/plain","data":"U2VlbiBBZGE="}},
            {"attachment":{"contentType":"text/html","data":"PHA+T25lPC9wPjxwPlR3bzwvcD4="}},
            {"attachment":{"contentType":"application/zip","data":"AAAA"}}]}}]}"#,
        );
        let data = |at| format!("$.entry[0].resource.content[{at}].attachment.data");
        let expected = [(data(0), "Seen Ada"), (data(1), "One"), (data(1), "Two")];
        assert_eq!(found, expected.map(|(path, text)| (path, text.to_owned())));
    }

    #[test]
    fn results_and_notes_of_a_message_are_found() {
        let message = "MSH|^~\\&|L|H|||20240314||ORU^R01|1|P|2.5\rPID|1||7^^^H^MR||Lee^Ada\rOBX|1|FT|a||seen\\.br\\Ada~twice\rOBX|2|NM|b||7\rNTE|1||call her\r";
        let message = formats::hl7v2::parse(message.as_bytes(), &formats::hl7v2::ParseOptions::default());
        let mut found = Vec::new();
        super::hl7v2(&message.unwrap().message, &mut |path, text| {
            found.push((path.to_owned(), text.contains("Ada"), text.contains("her")));
        });
        assert_eq!(found, [("OBX[1]-5".to_owned(), true, false), ("NTE[1]-3".to_owned(), false, true)]);
    }
}
