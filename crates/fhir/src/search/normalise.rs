//! How text is made comparable.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Makes text comparable for the default string search: lower case, without accents, white space collapsed to single
/// spaces and trimmed.
///
/// Letters with marks become their base letters (`Ångström` gives `angstrom`, `Strauß` gives `strauss`), combining marks
/// are dropped. Other scripts are only put in lower case. The result of a normalised text is that text.
///
/// Source: FHIR R4 3.1.1.4.8 (string search: insensitive to case and accents).
#[must_use]
pub fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut space = false;
    for char in text.chars() {
        if char.is_whitespace() {
            space = !out.is_empty();
            continue;
        }
        if is_combining(char) {
            continue;
        }
        if space {
            out.push(' ');
            space = false;
        }
        if char.is_ascii() {
            out.push(char.to_ascii_lowercase());
        } else {
            for lower in char.to_lowercase().filter(|lower| !is_combining(*lower)) {
                match FOLDED.get(&lower) {
                    Some(base) => out.push_str(base),
                    None => out.push(lower),
                }
            }
        }
    }
    out
}

const fn is_combining(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}')
}

static FOLDED: LazyLock<HashMap<char, &'static str>> = LazyLock::new(|| {
    BASES.iter().flat_map(|(base, letters)| letters.chars().map(move |letter| (letter, *base))).collect()
});

/// Base letters and the lower-case letters that are read as them: the canonical decompositions of Latin, Greek and
/// Cyrillic letters without their marks (Unicode 15), and the Latin letters that only look joined or crossed.
#[rustfmt::skip]
const BASES: &[(&str, &str)] = &[
    ("a", "àáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ"),
    ("ae", "æǣǽ"),
    ("b", "ḃḅḇ"),
    ("c", "çćĉċčḉ"),
    ("d", "ðďđḋḍḏḑḓ"),
    ("e", "èéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệ"),
    ("f", "ƒḟ"),
    ("g", "ĝğġģǧǵḡ"),
    ("h", "ĥħȟḣḥḧḩḫẖ"),
    ("i", "ìíîïĩīĭįıǐȉȋḭḯỉị"),
    ("j", "ĵǰ"),
    ("k", "ķĸǩḱḳḵ"),
    ("l", "ĺļľłḷḹḻḽ"),
    ("m", "ḿṁṃ"),
    ("n", "ñńņňŋǹṅṇṉṋ"),
    ("o", "òóôõöøǿōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợ"),
    ("oe", "œ"),
    ("p", "ṕṗ"),
    ("r", "ŕŗřȑȓṙṛṝṟ"),
    ("s", "śŝşšſẛșṡṣṥṧṩ"),
    ("ss", "ß"),
    ("t", "ţťŧțṫṭṯṱẗ"),
    ("th", "þ"),
    ("u", "ùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự"),
    ("v", "ṽṿ"),
    ("w", "ŵẁẃẅẇẉẘ"),
    ("x", "ẋẍ"),
    ("y", "ýÿŷȳẏẙỳỵỷỹ"),
    ("z", "źżžẑẓẕ"),
    ("ʒ", "ǯ"),
    ("ʹ", "ʹ"),
    ("α", "άἀἁἂἃἄἅἆἇὰάᾀᾁᾂᾃᾄᾅᾆᾇᾰᾱᾲᾳᾴᾶᾷ"),
    ("ε", "έἐἑἒἓἔἕὲέ"),
    ("η", "ήἠἡἢἣἤἥἦἧὴήᾐᾑᾒᾓᾔᾕᾖᾗῂῃῄῆῇ"),
    ("ι", "ΐίϊἰἱἲἳἴἵἶἷὶίιῐῑῒΐῖῗ"),
    ("ο", "όὀὁὂὃὄὅὸό"),
    ("ρ", "ῤῥ"),
    ("σ", "ς"),
    ("υ", "ΰϋύὐὑὒὓὔὕὖὗὺύῠῡῢΰῦῧ"),
    ("ω", "ώὠὡὢὣὤὥὦὧὼώᾠᾡᾢᾣᾤᾥᾦᾧῲῳῴῶῷ"),
    ("ϒ", "ϓϔ"),
    ("а", "ӑӓ"),
    ("г", "ѓ"),
    ("е", "ѐёӗ"),
    ("ж", "ӂӝ"),
    ("з", "ӟ"),
    ("и", "ѝӣӥ"),
    ("к", "ќ"),
    ("о", "ӧ"),
    ("у", "ўӯӱӳ"),
    ("ч", "ӵ"),
    ("ы", "ӹ"),
    ("э", "ӭ"),
    ("і", "ї"),
    ("ѵ", "ѷ"),
    ("ә", "ӛ"),
    ("ө", "ӫ"),
];

#[cfg(test)]
mod tests {
    use super::string;

    #[test]
    fn case_accents_and_spaces_make_no_difference() {
        for (left, right) in [
            ("Ångström", "angstrom"),
            ("  van   der\tBerg ", "van der berg"),
            ("STRAUSS", "Strauß"),
            ("José", "Jose\u{301}"),
            ("Łukasz Øre", "lukasz ore"),
            ("İzmir", "izmir"),
            ("Nguyễn", "nguyen"),
            ("ΆΣ", "ας"),
        ] {
            assert_eq!(string(left), string(right), "{left}");
        }
    }

    #[test]
    fn no_letter_changes_once_it_is_normal() {
        for letter in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let once = string(&letter.to_string());
            assert_eq!(string(&once), once, "U+{:04X}", u32::from(letter));
        }
    }

    proptest::proptest! {
        #[test]
        fn normalising_twice_is_normalising_once(text in "\\PC*") {
            let once = string(&text);
            proptest::prop_assert_eq!(string(&once), once);
        }
    }
}
