//! Ways to make a [`Value`] from Rust values.

use compact_str::CompactString;

use super::{Number, Object, Value};

/// An object of `members` in the given order: `object([("id", "a".into()), ("active", true.into())])`.
pub fn object<K: Into<CompactString> + AsRef<str>>(members: impl IntoIterator<Item = (K, Value)>) -> Value {
    Value::Object(members.into_iter().collect())
}

/// An array of `elements`.
pub fn array<V: Into<Value>>(elements: impl IntoIterator<Item = V>) -> Value {
    Value::Array(elements.into_iter().map(Into::into).collect())
}

/// An object [`Value`](crate::json::Value) written like JSON; each value is anything with a `From` for it.
///
/// ```
/// use fhir::json_object;
/// let patient = json_object! { "resourceType": "Patient", "active": true, "name": vec![json_object! { "text": "A" }] };
/// assert_eq!(patient.to_string(), r#"{"resourceType":"Patient","active":true,"name":[{"text":"A"}]}"#);
/// ```
#[macro_export]
macro_rules! json_object {
    ($($key:literal : $value:expr),* $(,)?) => {{
        #[allow(unused_mut, reason = "an empty object is written to by nobody")]
        let mut object = $crate::json::Object::new();
        $(object.insert($key, $crate::json::Value::from($value));)*
        $crate::json::Value::Object(object)
    }};
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::String(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::String(value.into())
    }
}

impl From<CompactString> for Value {
    fn from(value: CompactString) -> Self {
        Value::String(value)
    }
}

impl From<Number> for Value {
    fn from(value: Number) -> Self {
        Value::Number(value)
    }
}

impl From<Object> for Value {
    fn from(value: Object) -> Self {
        Value::Object(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(value: Vec<Value>) -> Self {
        Value::Array(value)
    }
}

macro_rules! from_number {
    ($($number:ty),*) => {$(
        impl From<$number> for Value {
            fn from(value: $number) -> Self {
                Value::Number(value.into())
            }
        }
    )*};
}
from_number!(i32, i64, u16, u32, u64, usize, rust_decimal::Decimal);
