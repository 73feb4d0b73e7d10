//! What an element is by where it stands.

/// Elements whose `name` is a person's.
const PERSONS: [&str; 12] = [
    "assignedPerson",
    "patient",
    "guardianPerson",
    "informationRecipient",
    "relatedPerson",
    "associatedPerson",
    "subject",
    "person",
    "identifiedPerson",
    "responsiblePerson",
    "livingSubject",
    "player",
];

/// Elements whose `name` is a place's.
const PLACES: [&str; 3] = ["location", "place", "healthCareFacility"];

/// Elements that are times, or hold times.
const TIMES: [&str; 10] = [
    "effectiveTime",
    "time",
    "birthTime",
    "deceasedTime",
    "existenceTime",
    "availabilityTime",
    "activityTime",
    "awarenessTime",
    "signatureTime",
    "useablePeriod",
];

/// Data types of HL7 v3 that are times.
const TIME_TYPES: [&str; 7] = ["TS", "IVL_TS", "PIVL_TS", "SXCM_TS", "EIVL_TS", "IVXB_TS", "SXPR_TS"];

/// Attributes that hold codes and other words of the standard.
const STRUCTURAL: [&str; 47] = [
    "nullFlavor",
    "classCode",
    "moodCode",
    "typeCode",
    "determinerCode",
    "contextControlCode",
    "contextConductionInd",
    "code",
    "codeSystem",
    "codeSystemName",
    "codeSystemVersion",
    "unit",
    "use",
    "inclusive",
    "operator",
    "negationInd",
    "inversionInd",
    "mediaType",
    "representation",
    "language",
    "partType",
    "qualifier",
    "root",
    "extension",
    "institutionSpecified",
    "independentInd",
    "currency",
    "type",
    "schemaLocation",
    "alignment",
    "event",
    "ID",
    "IDREF",
    "sequence",
    "listType",
    "styleCode",
    "border",
    "width",
    "colspan",
    "rowspan",
    "align",
    "valign",
    "cellpadding",
    "cellspacing",
    "lang",
    "valueSet",
    "valueSetVersion",
];

/// What is done with the text of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// Searched.
    Search,
    /// A person's name or a part of it.
    Name,
    /// An organisation's name.
    Organization,
    /// A place's name.
    Place,
    /// A street, a city.
    Street,
    /// A postal code.
    Zip,
    /// A state or country.
    Region,
    /// Goes.
    Gone,
}

/// One open element.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) name: String,
    pub(super) text: Text,
    /// Whether values in it are times.
    pub(super) is_time: bool,
    /// Whether it stands in `recordTarget`.
    pub(super) is_patient: bool,
    class_code: String,
}

impl Frame {
    /// The element `name` inside of `above`. `type_name` is its `xsi:type`.
    pub(super) fn open(name: &str, above: Option<&Frame>, type_name: &str, class_code: &str) -> Self {
        let parent = above.map_or("", |above| above.name.as_str());
        let text = match above.map(|above| (above.name.as_str(), above.text)) {
            // Parts of a name and of an address are what the whole is.
            Some((_, Text::Name)) => Text::Name,
            Some(("addr", _)) => address_part(name),
            Some((_, text)) if text != Text::Search => text,
            _ => own_text(name, parent, above.map_or("", |above| above.class_code.as_str())),
        };
        let is_time = TIMES.contains(&name)
            || TIME_TYPES.contains(&type_name.rsplit(':').next().unwrap_or(""))
            || above.is_some_and(|above| above.is_time);
        let is_patient = name == "recordTarget" || above.is_some_and(|above| above.is_patient);
        Self { name: name.to_owned(), text, is_time, is_patient, class_code: class_code.to_owned() }
    }

    /// Whether the words of this element are a narrative with tags in it.
    pub(super) fn is_narrative(&self, above: Option<&Frame>) -> bool {
        self.name == "text" && above.is_some_and(|above| above.name == "section")
    }
}

fn own_text(name: &str, parent: &str, class_code: &str) -> Text {
    match name {
        "addr" => Text::Gone,
        "name" if PERSONS.contains(&parent) || class_code == "PSN" => Text::Name,
        "name"
            if parent.ends_with("Organization")
                || parent == "asOrganizationPartOf"
                || class_code == "ORG" =>
        {
            Text::Organization
        }
        "name" if PLACES.contains(&parent) || class_code == "PLC" => Text::Place,
        "lotNumberText" | "softwareName" => Text::Gone,
        _ => Text::Search,
    }
}

fn address_part(name: &str) -> Text {
    match name {
        "state" | "country" => Text::Region,
        "postalCode" => Text::Zip,
        "useablePeriod" => Text::Search,
        _ => Text::Street,
    }
}

/// Whether an attribute holds a code or another word of the standard.
pub(super) fn is_structural(local: &str) -> bool {
    STRUCTURAL.contains(&local)
}
