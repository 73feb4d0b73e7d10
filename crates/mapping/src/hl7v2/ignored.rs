//! What a mapping leaves out on purpose, and the words for what it leaves out for want of a place.

/// Fields that carry nothing about a patient's care: how the message is written, numbered and sent.
const IGNORED: &[(&str, u32, &str)] = &[
    ("MSH", 8, "security of the transmission, not of the record"),
    ("MSH", 11, "how the message is to be processed; the channel decides"),
    ("MSH", 12, "the version the message is written in"),
    ("MSH", 13, "numbering of the transmission"),
    ("MSH", 14, "numbering of the transmission"),
    ("MSH", 15, "how the sender wants to be answered"),
    ("MSH", 16, "how the sender wants to be answered"),
    ("MSH", 17, "says how to read the message"),
    ("MSH", 18, "says how to read the message"),
    ("MSH", 19, "says how to read the message"),
    ("MSH", 20, "says how to read the message"),
    ("MSH", 21, "says how to read the message"),
    ("MSH", 5, "addressed to us"),
    ("MSH", 6, "addressed to us"),
    ("MSH", 23, "address of the transmission"),
    ("MSH", 24, "address of the transmission"),
    ("EVN", 1, "repeats the event of MSH-9"),
    ("PID", 1, "numbering of segments"),
    ("PV1", 1, "numbering of segments"),
    ("NK1", 1, "numbering of segments"),
    ("IN1", 1, "numbering of segments"),
    ("GT1", 1, "numbering of segments"),
    ("AL1", 1, "numbering of segments"),
    ("IAM", 1, "numbering of segments"),
    ("DG1", 1, "numbering of segments"),
    ("PR1", 1, "numbering of segments"),
    ("OBR", 1, "numbering of segments"),
    ("OBX", 1, "numbering of segments"),
    ("SPM", 1, "numbering of segments"),
    ("NTE", 1, "numbering of segments"),
    ("TQ1", 1, "numbering of segments"),
    ("FT1", 1, "numbering of segments"),
];

/// Why a field is left out on purpose, if it is.
pub(crate) fn field(segment: &str, number: u32) -> Option<&'static str> {
    if segment == "SFT" || segment == "DSC" {
        return Some("describes the sending software and the transmission");
    }
    IGNORED.iter().find(|(name, field, _)| *name == segment && *field == number).map(|(_, _, reason)| *reason)
}

/// Why a place that no mapping took is unmapped.
pub(crate) fn why_unmapped(segment: &str) -> &'static str {
    const READ: &[&str] = &[
        "MSH", "EVN", "PID", "PD1", "PV1", "PV2", "NK1", "IN1", "AL1", "IAM", "DG1", "MRG", "ORC", "OBR",
        "OBX", "NTE", "SPM", "TQ1", "PR1", "ROL",
    ];
    if segment.starts_with('Z') {
        "local segment of the sender"
    } else if READ.contains(&segment) {
        "no FHIR element is mapped for this part"
    } else {
        "this kind of segment is not mapped"
    }
}
