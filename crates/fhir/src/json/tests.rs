use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<Value, JsonError> {
    parse(text.as_bytes(), &Limits::default())
}

/// `text` reads, and writes as `expected`.
fn check(text: &str, expected: &str) {
    assert_eq!(read(text).map(|value| value.to_string()).as_deref(), Ok(expected), "{text}");
}

fn refused(text: &str, kind: JsonErrorKind, line: usize, column: usize) {
    let error = read(text).expect_err(text);
    assert_eq!((error.kind, error.line, error.column), (kind, line, column), "{text}");
}

#[test]
fn numbers_keep_their_digits() {
    for literal in ["0", "-0", "1.00", "1.0e-7", "123456789012345678901234567890.10", "1E+2", "0.0"] {
        check(literal, literal);
        assert!(Number::from_literal(literal).is_some(), "{literal}");
    }
    for bad in ["01", "1.", ".5", "+1", "1e", "-", "0x1", "1.2.3", "1a", "--1", "1e+", "1 1", "NaN"] {
        assert!(read(bad).is_err(), "{bad}");
        assert!(Number::from_literal(bad).is_none(), "{bad}");
    }
}

#[test]
fn members_and_elements_keep_their_order() {
    check(
        " { \"b\" : 1 , \"a\" : [ true , false , null , { } , [ ] ] }\r\n\t",
        r#"{"b":1,"a":[true,false,null,{},[]]}"#,
    );
    check("\u{feff}{}", "{}");
}

#[test]
fn strings_are_unescaped_once_and_escaped_only_where_needed() {
    check(r#""\u0041\/\b\f\n\r\t\"\\""#, r#""A/\u0008\u000c\n\r\t\"\\""#);
    check(r#""\ud83d\ude00 é \u00e9""#, "\"😀 é é\"");
    for bad in
        [r#""\ud83d""#, r#""\ud83d\u0041""#, r#""\ude00""#, r#""\x""#, r#""\u12g4""#, r#""\u+123""#, r#""\"#]
    {
        assert_eq!(read(bad).expect_err(bad).kind, JsonErrorKind::MalformedEscape, "{bad}");
    }
}

#[test]
fn errors_name_line_and_column_and_no_content() {
    refused("", JsonErrorKind::UnexpectedEnd, 1, 1);
    refused("{\n \"é\": x}", JsonErrorKind::UnexpectedCharacter, 2, 7);
    refused("[1,]", JsonErrorKind::UnexpectedCharacter, 1, 4);
    refused("[1", JsonErrorKind::UnexpectedEnd, 1, 3);
    refused("{\"a\":1,\n\"a\":2}", JsonErrorKind::DuplicateMember, 2, 1);
    refused("{\"a\":1,\"\\u0061\":2}", JsonErrorKind::DuplicateMember, 1, 8);
    refused("\"a\nb\"", JsonErrorKind::ControlCharacter, 1, 3);
    refused("{} {}", JsonErrorKind::TrailingContent, 1, 4);
    refused("{a:1}", JsonErrorKind::UnexpectedCharacter, 1, 2);
    refused("tru", JsonErrorKind::UnexpectedCharacter, 1, 1);
    let error = parse(b"\"Smith \xff\"", &Limits::default()).expect_err("not UTF-8");
    assert_eq!((error.kind, error.offset), (JsonErrorKind::NotUtf8, 7));
    assert_eq!(error.to_string(), "JSON is not UTF-8 at line 1, column 8");
}

#[test]
fn a_member_named_twice_is_refused_in_large_objects_too() {
    let members: Vec<String> = (0..1000).map(|n| format!("\"k{n}\":{n}")).collect();
    assert_eq!(read(&format!("{{{}}}", members.join(","))).unwrap().as_object().unwrap().len(), 1000);
    let error = read(&format!("{{{},\"k7\":0}}", members.join(","))).expect_err("k7 twice");
    assert_eq!(error.kind, JsonErrorKind::DuplicateMember);
}

#[test]
fn limits_hold() {
    let limits = Limits { bytes_max: 100, depth_max: 3, nodes_max: 5 };
    let kind = |text: &str| parse(text.as_bytes(), &limits).map(|_| ()).map_err(|error| error.kind);
    assert_eq!(kind("[[[]]]"), Ok(()));
    assert_eq!(kind("[[[[]]]]"), Err(JsonErrorKind::TooDeep(3)));
    assert_eq!(kind("[1,2,3,4]"), Ok(()));
    assert_eq!(kind("[1,2,3,4,5]"), Err(JsonErrorKind::TooManyValues(5)));
    assert_eq!(kind(&" ".repeat(101)), Err(JsonErrorKind::TooLong(100)));
    assert!(read(&"[".repeat(1_000_000)).is_err());
}

#[test]
fn debug_masks_what_may_be_about_a_patient() {
    let shown = format!("{:?}", read(r#"{"family":"Smith","n":[12345,true]}"#).unwrap());
    assert!(shown.contains("family") && !shown.contains("Smith") && !shown.contains("12345"), "{shown}");
}

#[test]
fn pretty_text_reads_back_the_same() {
    let value = read(r#"{"a":[1,{"b":[]}],"c":{},"d":"x"}"#).unwrap();
    let pretty = value.to_pretty();
    assert_eq!(
        pretty,
        "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {},\n  \"d\": \"x\"\n}\n"
    );
    assert_eq!(read(&pretty).unwrap(), value);
}

#[test]
fn objects_replace_in_place_and_insert_first() {
    let mut value = json_object! { "a": 1, "b": "x", "c": array([true, false]) };
    let object = value.as_object_mut().unwrap();
    assert_eq!(object.insert("a", 2), Some(1.into()));
    object.insert("d", "new");
    object.insert_first("c", 0);
    assert_eq!(object.remove("b"), Some("x".into()));
    assert_eq!(value.to_string(), r#"{"c":0,"a":2,"d":"new"}"#);
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?"
            .prop_map(|literal| Value::Number(Number::from_literal(&literal).unwrap())),
        any::<String>().prop_map(Value::from),
        "[ -~]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reading_undoes_writing(value in any_value()) {
        prop_assert!(parse(&value.to_vec(), &Limits::default()) == Ok(value.clone()));
        prop_assert!(parse(value.to_pretty().as_bytes(), &Limits::default()) == Ok(value));
    }

    #[test]
    fn no_bytes_panic_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, &Limits::default());
    }

    #[test]
    fn no_broken_json_panics_the_reader(value in any_value(), cut in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = value.to_vec();
        let at = cut.index(bytes.len());
        bytes[at] = byte;
        let _ = parse(&bytes, &Limits::default());
        bytes.truncate(at);
        let _ = parse(&bytes, &Limits::default());
    }

    #[test]
    fn plain_prefix_equals_the_simple_scan(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'a'), Just(b'"')], 0..60)) {
        let simple = bytes.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\').unwrap_or(bytes.len());
        prop_assert_eq!(super::parse::plain_prefix(&bytes), simple);
    }
}
