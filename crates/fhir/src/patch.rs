//! Changes to a resource: JSON Patch and FHIRPath Patch on a [`Value`].
//!
//! Whether the result is a valid resource is not decided here: that is [`validate`](crate::validate)'s part.
//!
//! Source: RFC 6902 (JSON Patch), RFC 6901 (JSON Pointer); FHIR R4 section 3.1.0.7.1 and fhirpatch.html.

mod content;
mod fhirpath;
#[cfg(test)]
mod fhirpath_tests;
mod place;

pub use fhirpath::apply_fhirpath_patch;

use crate::json::{Limits, Object, Value};
use crate::outcome::{Issue, IssueType};

/// Operations in one patch.
pub const OPERATIONS_MAX: usize = 1000;

/// Applies a patch: an array is a JSON Patch, a `Parameters` resource a FHIRPath Patch. Lists and objects that it leaves
/// empty are taken away, since FHIR knows neither.
///
/// # Errors
/// As [`apply_json_patch`] and [`apply_fhirpath_patch`]; `invalid` if it is neither.
pub fn apply(doc: Value, patch: &Value) -> Result<Value, Issue> {
    let mut doc = match patch {
        Value::Array(_) => apply_json_patch(doc, patch)?,
        Value::Object(_) => apply_fhirpath_patch(doc, patch)?,
        _ => {
            let details = "a patch is an array (JSON Patch) or a Parameters resource (FHIRPath Patch)";
            return Err(Issue::error(IssueType::Invalid, details));
        }
    };
    prune(&mut doc);
    Ok(doc)
}

/// Takes empty lists and objects away; whether the value is empty itself now. In the list of a primitive's extensions a
/// place must be kept, so that it stays in step with the values.
fn prune(value: &mut Value) -> bool {
    let Value::Object(object) = value else { return false };
    object.retain(|key, value| match value {
        Value::Array(items) if key.starts_with('_') => {
            for item in items.iter_mut() {
                if prune(item) {
                    *item = Value::Null;
                }
            }
            !items.iter().all(Value::is_null)
        }
        Value::Array(items) => {
            items.retain_mut(|item| !prune(item));
            !items.is_empty()
        }
        value => !prune(value),
    });
    object.is_empty()
}

/// Applies all operations of `patch`, an array, in order; the result is the changed document. Nothing is changed if one
/// fails, since the document is only handed back when all went well.
///
/// # Errors
/// An issue that names the operation by its place from 0: `invalid` if the patch itself is malformed, `value` if a path
/// leads nowhere, `conflict` if a `test` does not hold, `too-costly` beyond [`OPERATIONS_MAX`] or the default [`Limits`] of
/// a document.
pub fn apply_json_patch(doc: Value, patch: &Value) -> Result<Value, Issue> {
    let malformed = |text: &str| Err(Issue::error(IssueType::Invalid, text));
    let Some(operations) = patch.as_array() else {
        return malformed("a JSON Patch is an array of operations");
    };
    if operations.len() > OPERATIONS_MAX {
        return Err(Issue::error(
            IssueType::TooCostly,
            format!("more than {OPERATIONS_MAX} patch operations"),
        ));
    }
    let mut work = Work { doc, nodes_left: Limits::default().nodes_max };
    for (index, operation) in operations.iter().enumerate() {
        work.apply(operation)
            .map_err(|Failure(code, text)| Issue::error(code, format!("operation {index}: {text}")))?;
    }
    Ok(work.doc)
}

struct Failure(IssueType, &'static str);

const NO_TARGET: Failure = Failure(IssueType::Value, "its path does not exist in the resource");
const NO_SOURCE: Failure = Failure(IssueType::Value, "its `from` does not exist in the resource");
const NO_VALUE: Failure = Failure(IssueType::Invalid, "has no `value`");

struct Work {
    doc: Value,
    /// Bounds what all operations together may add, so that copies of copies cannot grow without end.
    nodes_left: usize,
}

impl Work {
    fn apply(&mut self, operation: &Value) -> Result<(), Failure> {
        let Some(name) = operation.get("op").and_then(Value::as_str) else {
            return Err(Failure(IssueType::Invalid, "has no `op`"));
        };
        let path = pointer(operation, "path")?;
        let value = operation.get("value");
        match name {
            "add" => self.add(&path, value.ok_or(NO_VALUE)?.clone()),
            "remove" => self.remove(&path).map(drop),
            "replace" => {
                let value = value.ok_or(NO_VALUE)?.clone();
                self.charge(&value, path.len())?;
                *find_mut(&mut self.doc, &path).ok_or(NO_TARGET)? = value;
                Ok(())
            }
            "move" => {
                let from = pointer(operation, "from")?;
                if path.len() > from.len() && path.starts_with(&from) {
                    return Err(Failure(IssueType::Invalid, "moves a value into itself"));
                }
                let value = self.remove(&from).map_err(|_| NO_SOURCE)?;
                self.add(&path, value)
            }
            "copy" => {
                let from = pointer(operation, "from")?;
                let source = find(&self.doc, &from).ok_or(NO_SOURCE)?;
                // Judged before it is copied.
                let (nodes, depth) = measure(source);
                self.charge_measured(nodes, depth + path.len())?;
                let value = find(&self.doc, &from).cloned().ok_or(NO_SOURCE)?;
                self.put(&path, value)
            }
            "test" => {
                let expected = value.ok_or(NO_VALUE)?;
                let found = find(&self.doc, &path).ok_or(NO_TARGET)?;
                let fails = Failure(IssueType::Conflict, "its test does not hold");
                if is_same(found, expected) { Ok(()) } else { Err(fails) }
            }
            _ => Err(Failure(IssueType::Invalid, "has an `op` that RFC 6902 does not know")),
        }
    }

    fn charge(&mut self, value: &Value, place_depth: usize) -> Result<(), Failure> {
        let (nodes, depth) = measure(value);
        self.charge_measured(nodes, depth + place_depth)
    }

    fn charge_measured(&mut self, nodes: usize, depth: usize) -> Result<(), Failure> {
        let left = self.nodes_left.checked_sub(nodes).filter(|_| depth <= Limits::default().depth_max);
        self.nodes_left =
            left.ok_or(Failure(IssueType::TooCostly, "would make the resource too large or too deep"))?;
        Ok(())
    }

    fn add(&mut self, path: &[String], value: Value) -> Result<(), Failure> {
        self.charge(&value, path.len())?;
        self.put(path, value)
    }

    fn put(&mut self, path: &[String], value: Value) -> Result<(), Failure> {
        let Some((last, parent)) = path.split_last() else {
            self.doc = value;
            return Ok(());
        };
        match find_mut(&mut self.doc, parent).ok_or(NO_TARGET)? {
            Value::Object(object) => drop(object.insert(last.as_str(), value)),
            Value::Array(elements) => {
                let index = if last == "-" { Some(elements.len()) } else { array_index(last) };
                let index = index.filter(|&index| index <= elements.len()).ok_or(NO_TARGET)?;
                elements.insert(index, value);
            }
            _ => return Err(NO_TARGET),
        }
        Ok(())
    }

    fn remove(&mut self, path: &[String]) -> Result<Value, Failure> {
        let Some((last, parent)) = path.split_last() else {
            return Err(Failure(IssueType::Invalid, "cannot take away the whole resource"));
        };
        match find_mut(&mut self.doc, parent) {
            Some(Value::Object(object)) => object.remove(last).ok_or(NO_TARGET),
            Some(Value::Array(elements)) => {
                let index = array_index(last).filter(|&index| index < elements.len()).ok_or(NO_TARGET)?;
                Ok(elements.remove(index))
            }
            _ => Err(NO_TARGET),
        }
    }
}

/// Reads the JSON Pointer in member `key` into its reference tokens.
fn pointer(operation: &Value, key: &'static str) -> Result<Vec<String>, Failure> {
    let malformed = Failure(IssueType::Invalid, "has no well-formed JSON Pointer as `path` or `from`");
    let Some(text) = operation.get(key).and_then(Value::as_str) else { return Err(malformed) };
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let Some(tokens) = text.strip_prefix('/') else { return Err(malformed) };
    tokens.split('/').map(unescape).collect::<Option<_>>().ok_or(malformed)
}

/// `~1` is a slash, `~0` a tilde; another tilde is malformed.
fn unescape(token: &str) -> Option<String> {
    let mut pieces = token.split('~');
    let mut text = pieces.next()?.to_owned();
    for piece in pieces {
        let (letter, rest) = match piece.strip_prefix('1') {
            Some(rest) => ('/', rest),
            None => ('~', piece.strip_prefix('0')?),
        };
        text.push(letter);
        text.push_str(rest);
    }
    Some(text)
}

/// Digits without leading zeros.
fn array_index(token: &str) -> Option<usize> {
    let is_plain =
        token.bytes().all(|byte| byte.is_ascii_digit()) && (token == "0" || !token.starts_with('0'));
    if is_plain { token.parse().ok() } else { None }
}

fn find<'a>(doc: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(doc, |value, token| match value {
        Value::Object(object) => object.get(token),
        Value::Array(elements) => elements.get(array_index(token)?),
        _ => None,
    })
}

fn find_mut<'a>(doc: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(doc, |value, token| match value {
        Value::Object(object) => object.get_mut(token),
        Value::Array(elements) => elements.get_mut(array_index(token)?),
        _ => None,
    })
}

/// How many values, and how many arrays and objects within each other.
fn measure(value: &Value) -> (usize, usize) {
    let join = |(nodes, depth): (usize, usize), inner: &Value| {
        let (inner_nodes, inner_depth) = measure(inner);
        (nodes + inner_nodes, depth.max(inner_depth + 1))
    };
    match value {
        Value::Array(elements) => elements.iter().fold((1, 1), join),
        Value::Object(object) => object.iter().map(|(_, value)| value).fold((1, 1), join),
        _ => (1, 0),
    }
}

/// Equality as RFC 6902 section 4.6 has it: numbers by value, objects without order.
fn is_same(left: &Value, right: &Value) -> bool {
    let objects_match = |left: &Object, right: &Object| {
        left.len() == right.len()
            && left.iter().all(|(name, value)| right.get(name).is_some_and(|other| is_same(value, other)))
    };
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.to_decimal().is_some_and(|decimal| Some(decimal) == right.to_decimal())
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => objects_match(left, right),
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::parse;

    fn json(text: &str) -> Value {
        parse(text.as_bytes(), &Limits::default()).expect(text)
    }

    fn patched(doc: &str, patch: &str) -> Result<String, IssueType> {
        apply_json_patch(json(doc), &json(patch)).map(|value| value.to_string()).map_err(|issue| issue.code)
    }

    fn check(doc: &str, patch: &str, expected: &str) {
        assert_eq!(patched(doc, patch).as_deref(), Ok(expected), "{doc} {patch}");
    }

    fn refused(doc: &str, patch: &str, code: IssueType) {
        assert_eq!(patched(doc, patch), Err(code), "{doc} {patch}");
    }

    /// The cases of RFC 6902 appendix A, in our own words.
    #[test]
    fn operations_do_as_the_rfc_says() {
        check(r#"{"a":1}"#, r#"[{"op":"add","path":"/b","value":2}]"#, r#"{"a":1,"b":2}"#);
        check(r#"{"a":[1,3]}"#, r#"[{"op":"add","path":"/a/1","value":2}]"#, r#"{"a":[1,2,3]}"#);
        check(r#"{"a":[1]}"#, r#"[{"op":"add","path":"/a/-","value":[2]}]"#, r#"{"a":[1,[2]]}"#);
        check(r#"{"a":1,"b":2}"#, r#"[{"op":"add","path":"/a","value":null}]"#, r#"{"a":null,"b":2}"#);
        check(r#"{"a":1,"b":2}"#, r#"[{"op":"remove","path":"/b"}]"#, r#"{"a":1}"#);
        check(r#"{"a":[1,2,3]}"#, r#"[{"op":"remove","path":"/a/1"}]"#, r#"{"a":[1,3]}"#);
        check(r#"{"a":1,"b":2}"#, r#"[{"op":"replace","path":"/a","value":1.00}]"#, r#"{"a":1.00,"b":2}"#);
        check(
            r#"{"a":{"x":1},"b":{}}"#,
            r#"[{"op":"move","from":"/a/x","path":"/b/y"}]"#,
            r#"{"a":{},"b":{"y":1}}"#,
        );
        check(r#"{"a":[1,2,3]}"#, r#"[{"op":"move","from":"/a/0","path":"/a/2"}]"#, r#"{"a":[2,3,1]}"#);
        check(
            r#"{"a":{"x":1}}"#,
            r#"[{"op":"copy","from":"/a","path":"/a/y"}]"#,
            r#"{"a":{"x":1,"y":{"x":1}}}"#,
        );
        check(r#"{"a":1}"#, r#"[{"op":"replace","path":"","value":[]}]"#, "[]");
        check(
            r#"{"/":1,"~1":2}"#,
            r#"[{"op":"remove","path":"/~1"},{"op":"test","path":"/~01","value":2}]"#,
            r#"{"~1":2}"#,
        );
        check("{}", "[]", "{}");
    }

    #[test]
    fn a_test_compares_numbers_by_value_and_objects_without_order() {
        let doc = r#"{"a":{"x":1.0,"y":[true,null]}}"#;
        check(doc, r#"[{"op":"test","path":"/a","value":{"y":[true,null],"x":1.00}}]"#, doc);
        check(doc, r#"[{"op":"test","path":"/a/x","value":10e-1}]"#, doc);
        refused(doc, r#"[{"op":"test","path":"/a/x","value":"1.0"}]"#, IssueType::Conflict);
        refused(doc, r#"[{"op":"test","path":"/a/y","value":[null,true]}]"#, IssueType::Conflict);
        refused(doc, r#"[{"op":"test","path":"/a/z","value":null}]"#, IssueType::Value);
    }

    #[test]
    fn what_leads_nowhere_or_is_malformed_is_refused() {
        let doc = r#"{"a":[1,2],"b":"text"}"#;
        for operation in [
            r#"{"op":"remove","path":"/c"}"#,
            r#"{"op":"replace","path":"/c","value":1}"#,
            r#"{"op":"add","path":"/c/d","value":1}"#,
            r#"{"op":"add","path":"/b/d","value":1}"#,
            r#"{"op":"add","path":"/a/3","value":1}"#,
            r#"{"op":"add","path":"/a/01","value":1}"#,
            r#"{"op":"add","path":"/a/+1","value":1}"#,
            r#"{"op":"remove","path":"/a/-"}"#,
            r#"{"op":"copy","from":"/c","path":"/d"}"#,
            r#"{"op":"move","from":"/c","path":"/d"}"#,
            r#"{"op":"add","path":"/a/99999999999999999999","value":1}"#,
        ] {
            refused(doc, &format!("[{operation}]"), IssueType::Value);
        }
        for operation in [
            r#"{"op":"spin","path":"/a"}"#,
            r#"{"path":"/a"}"#,
            r#"{"op":"add","value":1}"#,
            r#"{"op":"add","path":"a","value":1}"#,
            r#"{"op":"add","path":"/~2","value":1}"#,
            r#"{"op":"add","path":"/a"}"#,
            r#"{"op":"remove","path":""}"#,
            r#"{"op":"move","from":"/a","path":"/a/0"}"#,
            "5",
        ] {
            refused(doc, &format!("[{operation}]"), IssueType::Invalid);
        }
        refused(doc, "{}", IssueType::Invalid);
    }

    #[test]
    fn copies_of_copies_stop_at_a_bound() {
        let copy = r#"{"op":"copy","from":"/a","path":"/a/-"}"#;
        refused(r#"{"a":[1]}"#, &format!("[{}]", [copy; 200].join(",")), IssueType::TooCostly);
        refused(
            "{}",
            &format!("[{}]", [r#"{"op":"remove","path":"/a"}"#; 1001].join(",")),
            IssueType::TooCostly,
        );
        let wide = format!("{{\"a\":[[{}]]}}", ["1"; 1000].join(","));
        let copy = r#"{"op":"copy","from":"/a/0","path":"/a/-"}"#;
        check(&wide, &format!("[{copy},{}]", [r#"{"op":"remove","path":"/a/1"}"#].join(",")), &wide);
    }

    #[test]
    fn what_a_patch_leaves_empty_is_taken_away() {
        let check = |doc: &str, patch: &str, expected: &str| {
            assert_eq!(apply(json(doc), &json(patch)).unwrap().to_string(), expected, "{doc} {patch}");
        };
        check(r#"{"a":1,"name":[{"family":"x"}]}"#, r#"[{"op":"remove","path":"/name/0"}]"#, r#"{"a":1}"#);
        check(
            r#"{"a":1,"name":[{"family":"x"}]}"#,
            r#"[{"op":"remove","path":"/name/0/family"}]"#,
            r#"{"a":1}"#,
        );
        check(
            r#"{"given":["x","y"],"_given":[{"id":"1"},{"id":"2"}]}"#,
            r#"[{"op":"remove","path":"/_given/0/id"}]"#,
            r#"{"given":["x","y"],"_given":[null,{"id":"2"}]}"#,
        );
        assert!(apply(json("{}"), &json("5")).is_err());
    }

    proptest! {
        #[test]
        fn an_addition_is_undone_by_its_removal(name in "[a-z~/]{1,8}", number in any::<i64>()) {
            let doc = crate::json_object! { "A": vec![Value::from(1)] };
            let path = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            let add = crate::json_object! { "op": "add", "path": path.as_str(), "value": number };
            let remove = crate::json_object! { "op": "remove", "path": path.as_str() };
            let added = apply_json_patch(doc.clone(), &vec![add].into()).unwrap();
            prop_assert_eq!(added.get(&name).and_then(Value::as_i64), Some(number));
            prop_assert!(apply_json_patch(added, &vec![remove].into()) == Ok(doc));
        }
    }
}
