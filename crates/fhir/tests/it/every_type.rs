//! Resources made from the tables, so that validation is exercised for every type of R4.

use fhir::definitions::{Element, Kind, Primitive, Type, resource_types};
use fhir::json::{Number, Object, Value};
use fhir::json_object;
use fhir::validate::validate;

/// A value for one repetition of `element` as its type number `choice`.
fn sample(element: &'static Element, choice: usize, depth: usize) -> (&'static Type, Value) {
    let ty = element.types[choice].ty().unwrap();
    let code = element.binding().and_then(|codes| {
        codes.systems().next().map(|(system, codes)| (system, codes.first().copied().unwrap_or("x")))
    });
    let value = match (ty.primitive, ty.name, code) {
        (Some(Primitive::Code), _, Some((_, code))) => code.into(),
        (Some(primitive), ..) => primitive_sample(primitive),
        (None, "CodeableConcept", Some((system, code))) => {
            json_object! { "coding": vec![json_object! { "system": system, "code": code }] }
        }
        (None, "Extension", _) => json_object! { "url": "http://example.org/e", "valueBoolean": true },
        _ if ty.kind == Kind::Resource => {
            json_object! { "resourceType": "Basic", "code": json_object! { "text": "x" } }
        }
        _ => Value::Object(object(ty, depth + 1)),
    };
    (ty, value)
}

fn primitive_sample(primitive: Primitive) -> Value {
    match primitive {
        Primitive::Boolean => true.into(),
        Primitive::Decimal => Number::from_literal("1.00").unwrap().into(),
        Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt => 1.into(),
        Primitive::Base64Binary => "YQ==".into(),
        Primitive::Date => "2024-02-29".into(),
        Primitive::DateTime | Primitive::Instant => "2024-02-29T12:00:00Z".into(),
        Primitive::Time => "12:00:00".into(),
        Primitive::Oid => "urn:oid:1.2.3".into(),
        Primitive::Uuid => "urn:uuid:c757873d-ec9a-4326-a141-556f43239520".into(),
        Primitive::Xhtml => "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>".into(),
        _ => "x".into(),
    }
}

/// All elements of `ty` to a depth, beyond it those that it must have. Choices take their first type.
fn object(ty: &'static Type, depth: usize) -> Object {
    let mut object = Object::new();
    for element in ty.elements() {
        if element.min > 0 || depth < 2 {
            insert(&mut object, element, 0, depth);
        }
    }
    if object.is_empty() {
        insert(&mut object, ty.element("extension").unwrap(), 0, depth);
    }
    object
}

fn insert(object: &mut Object, element: &'static Element, choice: usize, depth: usize) {
    let (ty, value) = sample(element, choice, depth);
    let value = if element.is_list() { vec![value].into() } else { value };
    object.insert(element.json_name(ty.name), value);
}

fn resource(ty: &'static Type) -> Object {
    let mut resource = object(ty, 0);
    resource.insert_first("resourceType", ty.name);
    resource
}

/// The issues as `code place` lines.
fn issues(resource: Object) -> Vec<String> {
    let issues = validate(&Value::Object(resource));
    issues.iter().map(|issue| format!("{} {}", issue.code.as_str(), issue.expression.join(","))).collect()
}

#[test]
fn a_resource_of_every_type_with_all_its_elements_is_valid() {
    for ty in resource_types() {
        assert_eq!(issues(resource(ty)), Vec::<String>::new(), "{}", ty.name);
    }
}

#[test]
fn every_type_of_every_choice_is_valid_alone_and_not_beside_another() {
    for ty in resource_types() {
        for element in ty.elements().iter().filter(|element| element.is_choice) {
            for choice in 1..element.types.len() {
                let first = element.json_name(element.types[0].ty().unwrap().name);
                let mut both = resource(ty);
                insert(&mut both, element, choice, 1);
                let place = format!("structure {}.{}", ty.name, element.name);
                assert_eq!(issues(both.clone()), [place], "{}", element.path);
                both.remove(&first);
                assert_eq!(issues(both), Vec::<String>::new(), "{}", element.path);
            }
        }
    }
}

#[test]
fn every_required_element_is_missed_and_every_cardinality_checked() {
    for ty in resource_types() {
        for element in ty.elements() {
            let name = element.json_name(element.types[0].ty().unwrap().name);
            let place = format!("{}.{}", ty.name, element.name);
            let mut resource = resource(ty);
            let value = resource.remove(&name).unwrap();
            let missing = if element.min > 0 { vec![format!("required {place}")] } else { vec![] };
            assert_eq!(issues(resource.clone()), missing, "{}", element.path);
            // A list without its brackets, or a single value within brackets.
            let other = value.at(0).cloned().unwrap_or_else(|| vec![value].into());
            resource.insert(name, other);
            assert_eq!(issues(resource), [format!("structure {place}")], "{}", element.path);
        }
    }
}
