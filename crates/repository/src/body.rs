//! The stored form of a resource, and how it becomes the bytes to send.
//!
//! Stored bytes lack `meta.versionId` and `meta.lastUpdated`, so that equal content has equal bytes whatever its version,
//! and nothing is prepared again when the version turns out different. The stored form is a varint
//! (place of the two elements * 2 + 1 if a `meta` has to be made) and the JSON; reading copies the two elements in.

use std::cell::RefCell;
use std::sync::LazyLock;

use compact_str::CompactString;
use fhir::json::{self, Object, Value};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

use crate::codec::{Malformed, Reader, put_id, put_varint};

/// The most bytes a decompressed body may have. Larger ones are refused on write, so reading more is corruption.
pub(crate) const BODY_BYTES_MAX: usize = 64 << 20;

const ZSTD_LEVEL: i32 = 3;
const PAYLOAD_DELETED: u8 = 0;
const PAYLOAD_PLAIN: u8 = 1;
const PAYLOAD_DICTIONARY: u8 = 2;

/// The dictionary that new bodies are compressed with; its number stands in the payload.
const DICTIONARY_NEWEST: u8 = 1;

/// The dictionary of a number. A number once used keeps its bytes for ever: stored bodies cannot be read without them.
fn dictionary(number: u8) -> Option<&'static [u8]> {
    match number {
        1 => Some(include_bytes!("../dictionaries/1.zdict")),
        _ => None,
    }
}

static ENCODER: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(dictionary(DICTIONARY_NEWEST).unwrap_or_default(), ZSTD_LEVEL));

static DECODER: LazyLock<DecoderDictionary<'static>> =
    LazyLock::new(|| DecoderDictionary::copy(dictionary(DICTIONARY_NEWEST).unwrap_or_default()));

/// A resource in stored form.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Body(Vec<u8>);

impl Body {
    /// The stored form of `resource` with logical id `id`: `resourceType`, `id` and `meta` first, then the rest in order.
    pub(crate) fn of(resource: &Object, resource_type: &str, id: &str) -> Self {
        let mut json = Vec::with_capacity(1024);
        json.extend_from_slice(b"{\"resourceType\":\"");
        json.extend_from_slice(resource_type.as_bytes());
        json.extend_from_slice(b"\",\"id\":\"");
        json.extend_from_slice(id.as_bytes());
        json.push(b'"');
        let meta = resource.get("meta").and_then(Value::as_object);
        let mut place = json.len();
        let mut make_meta = true;
        if let Some(meta) = meta {
            let before = json.len();
            json.extend_from_slice(b",\"meta\":{");
            let start = json.len();
            write_members(&mut json, meta, &["versionId", "lastUpdated", "_versionId", "_lastUpdated"]);
            if json.len() == start {
                json.truncate(before);
            } else {
                // The first member was written with a comma before it: the splice brings that comma itself.
                json.remove(start);
                json.push(b'}');
                place = start;
                make_meta = false;
            }
        }
        write_members(&mut json, resource, &["resourceType", "id", "meta"]);
        json.push(b'}');
        let mut stored = Vec::with_capacity(json.len() + 2);
        put_varint(&mut stored, (place as u64) << 1 | u64::from(make_meta));
        stored.extend_from_slice(&json);
        Self(stored)
    }

    /// The stored bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn parts(&self) -> Result<(&[u8], &[u8], bool), Malformed> {
        let mut reader = Reader::new(&self.0);
        let head = reader.varint()?;
        let place = usize::try_from(head >> 1).map_err(|_| Malformed)?;
        let before = reader.take(place)?;
        Ok((before, reader.rest(), head & 1 == 1))
    }

    /// The JSON to send as version `version` of `time_ms`.
    pub(crate) fn spliced(&self, version: u64, time_ms: i64) -> Result<Vec<u8>, Malformed> {
        let (before, after, make_meta) = self.parts()?;
        let mut out = Vec::with_capacity(self.0.len() + 80);
        out.extend_from_slice(before);
        if make_meta {
            out.extend_from_slice(b",\"meta\":{");
        }
        out.extend_from_slice(b"\"versionId\":\"");
        out.extend_from_slice(version.to_string().as_bytes());
        out.extend_from_slice(b"\",\"lastUpdated\":\"");
        out.extend_from_slice(instant(time_ms).as_bytes());
        out.push(b'"');
        out.push(if make_meta { b'}' } else { b',' });
        out.extend_from_slice(after);
        Ok(out)
    }

    /// The logical id, read off the front.
    pub(crate) fn id(&self) -> Result<&str, Malformed> {
        let (before, _, _) = self.parts()?;
        let front = std::str::from_utf8(before).map_err(|_| Malformed)?;
        let mut quoted = front.split('"');
        // {"resourceType":"T","id":"I" splits into: {, resourceType, :, T, `,`, id, :, I
        quoted.nth(7).ok_or(Malformed)
    }

    /// The resource as it is stored, without version and time.
    pub(crate) fn value(&self) -> Result<Value, Malformed> {
        let (before, after, _) = self.parts()?;
        let mut json = Vec::with_capacity(self.0.len());
        json.extend_from_slice(before);
        json.extend_from_slice(after);
        read_json(&json).map_err(|_| Malformed)
    }

    /// The payload to seal: kind, number of the dictionary, zstd frame.
    pub(crate) fn compress(&self) -> Vec<u8> {
        COMPRESSOR.with(|cell| {
            let mut slot = cell.borrow_mut();
            if slot.is_none() {
                *slot = zstd::bulk::Compressor::with_prepared_dictionary(&ENCODER).ok();
            }
            let mut payload = vec![0; zstd::zstd_safe::compress_bound(self.0.len()) + 2];
            let written = slot.as_mut().and_then(|compressor| {
                let (head, room) = payload.split_first_chunk_mut()?;
                *head = [PAYLOAD_DICTIONARY, DICTIONARY_NEWEST];
                compressor.compress_to_buffer(&self.0, room).ok()
            });
            match written {
                Some(count) => payload.truncate(count + 2),
                // zstd fails only without memory; the bytes as they are remain readable.
                None => {
                    payload.clear();
                    payload.push(PAYLOAD_PLAIN);
                    payload.extend_from_slice(&self.0);
                }
            }
            payload.shrink_to_fit();
            payload
        })
    }
}

thread_local! {
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Parses a resource out of the store. It was within the bounds of its request when it came; here only its length counts.
pub(crate) fn read_json(json: &[u8]) -> Result<Value, json::JsonError> {
    let limits =
        json::Limits { bytes_max: BODY_BYTES_MAX, nodes_max: BODY_BYTES_MAX, ..json::Limits::default() };
    json::parse(json, &limits)
}

/// What a sealed value held.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Payload {
    /// A resource.
    Body(Body),
    /// A deletion, with the logical id.
    Deleted(CompactString),
}

impl Payload {
    /// The payload of a deletion.
    pub(crate) fn deleted(id: &str) -> Vec<u8> {
        let mut payload = vec![PAYLOAD_DELETED];
        put_id(&mut payload, id);
        payload
    }

    /// Reads an opened payload.
    pub(crate) fn read(payload: &[u8]) -> Result<Self, Malformed> {
        match payload.split_first().ok_or(Malformed)? {
            (&PAYLOAD_DELETED, id) => Ok(Self::Deleted(Reader::new(id).id()?)),
            (&PAYLOAD_DICTIONARY, rest) => {
                let (number, frame) = rest.split_first().ok_or(Malformed)?;
                Ok(Self::Body(Body(decompress(frame, *number)?)))
            }
            (&PAYLOAD_PLAIN, bytes) => Ok(Self::Body(Body(bytes.to_vec()))),
            _ => Err(Malformed),
        }
    }
}

fn decompress(frame: &[u8], number: u8) -> Result<Vec<u8>, Malformed> {
    let size = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten().ok_or(Malformed)?;
    let size = usize::try_from(size).ok().filter(|size| *size <= BODY_BYTES_MAX).ok_or(Malformed)?;
    match number {
        DICTIONARY_NEWEST => DECOMPRESSOR.with(|cell| {
            let mut slot = cell.borrow_mut();
            if slot.is_none() {
                *slot = zstd::bulk::Decompressor::with_prepared_dictionary(&DECODER).ok();
            }
            slot.as_mut().and_then(|decompressor| decompressor.decompress(frame, size).ok()).ok_or(Malformed)
        }),
        // Older dictionaries are rare: a decompressor for each body will do.
        other => {
            let mut decompressor =
                dictionary(other).and_then(|bytes| zstd::bulk::Decompressor::with_dictionary(bytes).ok());
            decompressor.as_mut().and_then(|one| one.decompress(frame, size).ok()).ok_or(Malformed)
        }
    }
}

/// Writes `,"key":value` for each member that is not in `without`.
fn write_members(out: &mut Vec<u8>, object: &Object, without: &[&str]) {
    for (key, value) in object.iter() {
        if without.contains(&key) {
            continue;
        }
        out.push(b',');
        Value::from(CompactString::from(key)).write_to(out);
        out.push(b':');
        value.write_to(out);
    }
}

/// A time as a FHIR instant in UTC with milliseconds (R4 datatypes.html#instant).
pub(crate) fn instant(time_ms: i64) -> String {
    let days = time_ms.div_euclid(86_400_000);
    let in_day = time_ms.rem_euclid(86_400_000);
    // Civil date from days since 1970-01-01 (proleptic Gregorian calendar), counted in eras of 400 years from March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let mut text = String::with_capacity(24);
    // By hand: every resource that is read carries one, and the general formatter takes several times as long.
    let mut put = |number: i64, width: u32, after: char| {
        for place in (0..width).rev() {
            let digit = number / 10_i64.pow(place) % 10;
            text.push(char::from(b'0' + digit.unsigned_abs() as u8));
        }
        text.push(after);
    };
    put(year, 4, '-');
    put(month, 2, '-');
    put(day, 2, 'T');
    put(in_day / 3_600_000, 2, ':');
    put(in_day / 60_000 % 60, 2, ':');
    put(in_day / 1000 % 60, 2, '.');
    put(in_day % 1000, 3, 'Z');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Body {
        let value = json::parse(text.as_bytes(), &json::Limits::default()).unwrap();
        let object = value.as_object().unwrap();
        Body::of(object, value.resource_type().unwrap(), "a")
    }

    fn check(text: &str, sent: &str) {
        let body = body(text);
        let out = body.spliced(3, 0).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), sent);
        let payload = body.compress();
        assert!(Payload::read(&payload) == Ok(Payload::Body(body)));
    }

    #[test]
    fn version_and_time_are_copied_in() {
        let meta = r#""versionId":"3","lastUpdated":"1970-01-01T00:00:00.000Z""#;
        check(
            r#"{"resourceType":"Basic","id":"a"}"#,
            &format!(r#"{{"resourceType":"Basic","id":"a","meta":{{{meta}}}}}"#),
        );
        check(
            r#"{"id":"zz","meta":{"versionId":"9","lastUpdated":"x"},"resourceType":"Basic","n":1.00}"#,
            &format!(r#"{{"resourceType":"Basic","id":"a","meta":{{{meta}}},"n":1.00}}"#),
        );
        check(
            r#"{"resourceType":"Basic","n":"é\n","meta":{"profile":["u"],"versionId":"2","source":"s"}}"#,
            &format!(
                r#"{{"resourceType":"Basic","id":"a","meta":{{{meta},"profile":["u"],"source":"s"}},"n":"é\n"}}"#
            ),
        );
    }

    #[test]
    fn equal_content_has_equal_bytes_whatever_its_version() {
        let one = body(r#"{"resourceType":"Basic","meta":{"versionId":"1"},"code":{"text":"x"}}"#);
        let two = body(r#"{"resourceType":"Basic","id":"b","code":{"text":"x"}}"#);
        assert!(one == two);
    }

    #[test]
    fn a_stored_body_parses_without_version() {
        let stored = body(r#"{"resourceType":"Basic","meta":{"profile":["u"]},"code":{"text":"x"}}"#);
        let expected = r#"{"resourceType":"Basic","id":"a","meta":{"profile":["u"]},"code":{"text":"x"}}"#;
        assert_eq!(stored.id(), Ok("a"));
        assert_eq!(stored.value().unwrap().to_vec(), expected.as_bytes());
    }

    #[test]
    fn damaged_payloads_are_refused() {
        for payload in [&[][..], &[9], &[2], &[2, 1], &[2, 1, 3], &[2, 9, 3]] {
            assert!(Payload::read(payload) == Err(Malformed));
        }
        assert!(Body(vec![200]).spliced(1, 0).is_err());
    }

    #[test]
    fn instants_are_civil_time() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_001, "2000-02-29T00:00:00.001Z"),
            (1_795_362_961_999, "2026-11-22T15:56:01.999Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(instant(ms), text);
        }
    }
}
