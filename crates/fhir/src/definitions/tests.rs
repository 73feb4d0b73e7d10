use super::*;

#[test]
fn the_committed_tables_read_whole() {
    assert_eq!(resource_types().count(), 146);
    assert_eq!(types().filter(|ty| ty.kind == Kind::Primitive).count(), 20);
    assert_eq!(search_parameters().len(), 1375);
    assert!(search_parameters().windows(2).all(|pair| pair[0].number < pair[1].number));
    for ty in types() {
        assert!(ty.base().is_some() || matches!(ty.name, "Element" | "Resource"), "{}", ty.name);
        for element in ty.elements() {
            assert!(element.is_choice || element.types.len() == 1, "{}", element.path);
            for choice in element.types {
                let name = element.json_name(choice.ty().unwrap().name);
                let property = ty.property(&name).unwrap();
                assert_eq!(
                    (property.element.path, property.ty.name),
                    (element.path, choice.ty().unwrap().name)
                );
            }
        }
    }
}

#[test]
fn an_element_is_found_by_its_fhirpath_and_its_json_name() {
    let observation = type_named("Observation").unwrap();
    assert!(observation.element("value").unwrap().is_choice);
    assert!(observation.element("valueQuantity").is_none());
    assert!(observation.property("value").is_none());
    assert_eq!(observation.property("valueDateTime").unwrap().ty.name, "dateTime");
    assert_eq!(observation.property("id").unwrap().ty.name, "id");
    assert_eq!(observation.property("status").unwrap().element.min, 1);
    assert!(observation.property("nonsense").is_none() && observation.property(&"x".repeat(1000)).is_none());
    assert_eq!(element_at("Patient.contact.name.family").unwrap().path, "HumanName.family");
    assert_eq!(element_at("Patient.deceased").unwrap().types.len(), 2);
    assert!(element_at("Observation.value.unit").is_none());
}

#[test]
fn content_references_lead_back_to_the_part_they_repeat() {
    assert_eq!(element_at("Questionnaire.item.item.item.linkId").unwrap().path, "Questionnaire.item.linkId");
    assert_eq!(element_at("Bundle.entry.link.url").unwrap().path, "Bundle.link.url");
}

#[test]
fn types_know_their_ancestors() {
    for (name, ancestor) in [
        ("Patient", "DomainResource"),
        ("Patient", "Resource"),
        ("Bundle", "Resource"),
        ("Age", "Quantity"),
        ("id", "string"),
        ("canonical", "uri"),
        ("positiveInt", "integer"),
        ("Patient.contact", "BackboneElement"),
        ("Timing.repeat", "Element"),
        ("Dosage", "BackboneElement"),
    ] {
        assert!(is_subtype(name, ancestor), "{name} {ancestor}");
        assert!(!is_subtype(ancestor, name), "{ancestor} {name}");
    }
    assert!(!is_subtype("Bundle", "DomainResource") && !is_subtype("Nonsense", "Nonsense"));
    assert!(is_resource("Patient") && !is_resource("DomainResource") && !is_resource("HumanName"));
}

#[test]
fn required_bindings_know_their_codes() {
    let gender = element_at("Patient.gender").unwrap().binding().unwrap();
    assert!(gender.is_listed() && gender.contains_code("female") && !gender.contains_code("F"));
    let clinical = element_at("Condition.clinicalStatus").unwrap().binding().unwrap();
    let system = "http://terminology.hl7.org/CodeSystem/condition-clinical";
    assert!(clinical.contains(system, "resolved") && !clinical.contains("http://example.org", "resolved"));
    let media = element_at("Attachment.contentType").unwrap().binding().unwrap();
    assert!(!media.is_listed() && media.contains_code("text/anything"));
    assert!(element_at("Observation.code").unwrap().binding().is_none());
    assert!(types().flat_map(Type::elements).filter_map(Element::binding).count() > 300);
}

#[test]
fn search_parameters_have_an_expression_of_their_own_for_each_type() {
    let patient = search_parameters().iter().find(|parameter| parameter.id == "clinical-patient").unwrap();
    assert_eq!((patient.code, patient.kind), ("patient", "reference"));
    let immunization = patient.bases.iter().find(|base| base.type_name == "Immunization").unwrap();
    assert_eq!(immunization.expression, "Immunization.patient");
    let composite = search_parameters().iter().find(|p| p.id == "Observation-code-value-quantity").unwrap();
    assert_eq!(composite.components.len(), 2);
    assert_eq!(compartment_parameters("Patient", "Observation"), ["subject", "performer"]);
    assert!(compartment_parameters("Patient", "Organization").is_empty());
}

/// Stored index keys hold these numbers: a change here makes old data unreadable.
#[test]
fn search_parameter_numbers_do_not_move() {
    let number = |id| search_parameters().iter().find(|parameter| parameter.id == id).map(|p| p.number);
    assert_eq!(number("Resource-id"), Some(3));
    assert_eq!(number("Resource-lastUpdated"), Some(4));
    assert_eq!(number("Patient-identifier"), NUMBER_PATIENT_IDENTIFIER);
    let ids: std::collections::HashSet<u16> = search_parameters().iter().map(|p| p.number).collect();
    assert_eq!(ids.len(), search_parameters().len());
}

const NUMBER_PATIENT_IDENTIFIER: Option<u16> = Some(1018);
