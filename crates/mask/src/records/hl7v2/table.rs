//! What each field of each segment holds.

/// What is done with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// A code, a flag, a number: stays, unless what is known of someone stands in it.
    Keep,
    /// A measured number: stays, unless it is what is known of someone.
    Measure,
    /// Goes.
    Remove,
    /// DTM, TS, DT: shifted.
    Date,
    /// DR: two of them.
    Range,
    /// XPN.
    Name,
    /// XCN, CNN, PPN: an id and a name.
    Person,
    /// CX, EI: an id and who gave it.
    Id,
    /// ST that is an id.
    Number,
    /// XAD.
    Address,
    /// XTN, TN.
    Phone,
    /// XON, and an HD that names a place.
    Organization,
    /// PL.
    Place,
    /// CE, CWE: code, text, system, and again.
    Coded,
    /// ST, TX, FT: searched.
    Text,
    /// OBX-5: by OBX-2.
    Observation,
    /// Not known: searched, and long numbers go.
    Unknown,
}

/// What is done with a field of a segment.
pub(super) fn act_of(segment: &str, field: u32) -> Act {
    let Some((_, fields)) = TABLE.iter().find(|(name, _)| *name == segment) else { return Act::Unknown };
    fields
        .split_ascii_whitespace()
        .find_map(|entry| {
            let (letter, numbers) = entry.split_at_checked(1)?;
            let is_it = numbers.split(',').any(|range| {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                first.parse::<u32>().is_ok_and(|first| first <= field)
                    && last.parse::<u32>().is_ok_and(|last| field <= last)
            });
            if is_it { act_named(letter) } else { None }
        })
        .unwrap_or(Act::Unknown)
}

fn act_named(letter: &str) -> Option<Act> {
    Some(match letter {
        "k" => Act::Keep,
        "x" => Act::Remove,
        "d" => Act::Date,
        "r" => Act::Range,
        "n" => Act::Name,
        "p" => Act::Person,
        "i" => Act::Id,
        "s" => Act::Number,
        "a" => Act::Address,
        "t" => Act::Phone,
        "o" => Act::Organization,
        "l" => Act::Place,
        "c" => Act::Coded,
        "f" => Act::Text,
        "v" => Act::Observation,
        _ => return None,
    })
}

/// Segment, and its fields by the letters of [`act_named`]. Fields that are in no list are unknown.
static TABLE: [(&str, &str); 54] = [
    ("MSH", "k1-3,5,9,11-13,15-21 o4,6,22-25 d7 x8,14 i10"),
    ("FHS", "k1-3,5 o4,6 d7 x8,9,10 i11,12"),
    ("BHS", "k1-3,5 o4,6 d7 x8,9,10 i11,12"),
    ("FTS", "k1 f2"),
    ("BTS", "k1 f2 k3"),
    ("EVN", "k1,4 d2,3,6 p5 o7"),
    (
        "PID",
        "k1,8,24,25,30-32 i2-4,18,21 n5,6,9 d7,29,33 c10,15-17,22,26-28,35,36,38,39 a11 x12,20,23 t13,14,40 s19 o34 f37",
    ),
    ("PD1", "c1,2,6,7,9,11,15,16,19-21 o3,14 p4 k5,8,12 i10 d13,17,18"),
    (
        "NK1",
        "k1,15,21,23,34,36 n2,26,30 c3,7,14,17-20,22,24,25,27-29,35,39 a4,32 t5,6,31,40,41 d8,9,16 f10 c11 i12,33 o13 s37 x38",
    ),
    (
        "PV1",
        "k1,2,4,10,12-16,18,21-23,26-28,32-34,36,38,40,41,46-49,51 l3,6,11,42,43 i5,19,50,54 p7-9,17,52 c24,29,31 d25,30,35,44,45 s39 f53",
    ),
    (
        "PV2",
        "l1 c2-4,30,31,38-40,42,43,49 f5,6,12 k7,10,11,15,16,18-22,24,25,27,32,34-37,41,44,45 d8,9,14,17,26,28,29,33,46-48 p13 o23",
    ),
    (
        "GT1",
        "k1,9,10,15,20,22,24,27,30,35,39,41,42,50,52,54,55,59 i2,31 n3,4,16,44,47 a5,17 t6,7,18,48 d8,13,14,26,33,34 \
         c11,23,25,28,32,36-38,40,43,45,46,49,57 s12,19 o21,53 x29,58 f51",
    ),
    (
        "IN1",
        "k1,15,20-23,25,27,31-35,37-41,43,45,47,48,50,53 c2,17,42 i3,10,49 o4,9,11 a5,19,44 n6,16 t7 s8,28,36,46 d12,13,18,24,26,29,51 \
         x14 p30 f52",
    ),
    (
        "IN2",
        "i1,25,26,61 s2,6,8,10 p3 c4 k5,11-21,23,24,27-39,41-48,54-60,62 n7,9,22,40,49,52 t50,53,63,64 x51 o69,70",
    ),
    ("IN3", "k1,4,5,11 i2 p3,8,14 d6,7,9,10,13,15 c12 t16-19"),
    ("MRG", "i1-6 n7"),
    ("AL1", "k1 c2-4 f5 d6"),
    ("IAM", "k1,6,8 c2-4,9,10,16,17 f5,12 i7 d11,13 p14,18 o15"),
    ("DG1", "k1,2,6,9,11-15,17,18,21 c3,7,8,10 f4 d5,19 p16 i20,22"),
    ("PR1", "k1,2,6,7,9,10,14,18,20 c3,13,15-17 f4 d5 p8,11,12 i19"),
    ("DRG", "c1,4-6 d2 k3,7-9"),
    ("ORC", "k1,5,6 i2-4,8 d9,15,27 p10-12,19 l13 t14,23 c16-18,20,25,26,28-31 o21 a22,24"),
    (
        "OBR",
        "k1,5,9,11,23-25,30,37,41,42,49 i2,3,29 c4,12,15,31,38-40,43-48 d6-8,14,22,36 p10,16,28 f13,18-21,26 t17 x32-35",
    ),
    ("OBX", "k1,2,4,8-11 c3,6,7,15,17,20,22 v5 d12,14,19 f13 p16,25 i18,21 o23 a24"),
    ("NTE", "k1,2 f3 c4 p5 d6-8"),
    ("TXA", "k1,3,17-20 c2 d4,6-8 p5,9-11,22,23 i12-15 x16 f21"),
    ("RXA", "k1,2,6,12,13,20,21 d3,4,16,22 c5,7-9,14,18,19 p10 l11 s15 o17"),
    ("RXO", "c1,4-8,10,15 k2,3,9,11-13 p14 f16"),
    ("RXE", "c2,5-7,11,21,24,26 k3,4,9,10,12,16,17,19,20,22,23,25 p13,14 s15 d18,32"),
    ("RXD", "k1,4,6,8,12,15 c2,5,9,14,16,17 d3 s7,18 p10 d19"),
    ("RXG", "k1,2,5,6,9,10 c4,7,8,13"),
    ("RXR", "c1-6"),
    ("RXC", "k1,3,5 c2,4,6"),
    ("SPM", "k1,10-12,25,26 i2,3 c4-9,15,16,19-24,27-29 f14 r17 d18 i30-32"),
    ("SAC", "i1-5 c6"),
    ("SCH", "i1,2,4,23,24,26,27 k3,9 c5-8,10,25 p12,16,20 t13,17,21 a14,18 l15,19,22"),
    ("RGS", "k1,2 c3"),
    ("AIS", "k1,2 c3,5,8,10 d4 k6,7,9"),
    ("AIG", "k1,2 c3-5,7 d8 k9-14"),
    ("AIL", "k1,2 l3 c4,5 d6 k7-12"),
    ("AIP", "k1,2 p3 c4,5 d6 k7-12"),
    ("PRD", "c1 n2 a3 l4 t5 k6 i7 d8,9"),
    ("CTD", "c1 n2 a3 l4 t5 k6 i7"),
    ("ROL", "i1 k2 c3 p4 d5,6 c7-10 a11 t12"),
    ("PRT", "i1,10,16-22 k2 c3,4,6,7,13 p5 o8 l9 d11,12 a14 t15"),
    ("STF", "s1 i2 n3 c4,8,9 k5,7 d6,12,13 t10 a11"),
    ("ACC", "d1 c2,4 x3 k5,6,10 p7 f8 x9 a11"),
    ("FT1", "k1,6,10-12,15,17,18,22 s2,3 r4 d5 c7,13,14,19,25-27 f8,9 l16 p20,21,24 i23"),
    ("MSA", "k1,4 i2 f3 c6"),
    ("ERR", "k1-6 f7,8"),
    ("QRD", "d1,6 k2,3,5,7 i4 p8 c9,10 f11"),
    ("QPD", "c1 s2"),
    ("TQ1", "k1,2,9,12 d7,8 c3,4 f10,11"),
    ("PDA", "c1 l2 k3 d4 p5 k6 r7 p8 k9"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_of_the_table_is_understood() {
        for (segment, fields) in &TABLE {
            for entry in fields.split_ascii_whitespace() {
                let (letter, numbers) = entry.split_at(1);
                assert!(act_named(letter).is_some(), "{segment} {entry}");
                for range in numbers.split(',') {
                    let (first, last) = range.split_once('-').unwrap_or((range, range));
                    assert!(
                        first.parse::<u32>().unwrap() <= last.parse::<u32>().unwrap(),
                        "{segment} {entry}"
                    );
                }
            }
        }
        assert_eq!(act_of("PID", 5), Act::Name);
        assert_eq!(act_of("PID", 31), Act::Keep);
        assert_eq!(act_of("PID", 99), Act::Unknown);
        assert_eq!(act_of("XYZ", 1), Act::Unknown);
    }
}
