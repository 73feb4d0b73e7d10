//! XTN and XAD: telephones, e-mail, addresses.
//!
//! Source: HL7 v2.8 chapter 2A XTN, XAD, SAD; tables 0190, 0201, 0202.

use compact_str::CompactString;
use fhir::json::Value;

use crate::concepts::{find, person};
use crate::hl7v2::context::Context;
use crate::hl7v2::reader::Node;
use crate::hl7v2::types::time;
use crate::json::Build;

/// The contact points of one XTN: one for its number, however many forms it is written in, and one for its e-mail address.
/// `field_use` is what the field means (PID-13 home, PID-14 work); the XTN's own use wins.
pub(crate) fn contact_points(node: &Node<'_, '_>, field_use: Option<&'static str>) -> Vec<Value> {
    let own_use = node.part(2).and_then(|part| {
        let code = part.peek()?;
        let found = find(person::TELECOM_USE, &code);
        // NET only says that it is an electronic address, EMR, ASN and BPN have no counterpart.
        if found.is_some() || code.eq_ignore_ascii_case("NET") {
            part.text();
        }
        found
    });
    let equipment = node.part(3).and_then(|part| {
        let code = part.peek()?;
        if find(person::TELECOM_SYSTEM, &code).is_some() {
            part.text();
        }
        Some(code)
    });
    let is_mobile = equipment.as_deref().is_some_and(|code| code.eq_ignore_ascii_case("CP"));
    let use_code = if is_mobile { Some("mobile") } else { own_use.or(field_use) };
    let system = equipment.as_deref().and_then(|code| find(person::TELECOM_SYSTEM, code));

    let mut points = Vec::new();
    let email = node.get(4).or_else(|| {
        let misplaced = node.peek_part(1).filter(|text| text.contains('@') && !text.contains(' '));
        misplaced.and_then(|_| node.get(1))
    });
    let number = number(node, email.is_some());
    if let Some(number) = number {
        let system = system.filter(|system| *system != "email").unwrap_or("phone");
        points.push(Build::new().with("system", system).with("value", number).maybe("use", use_code).done());
    }
    if let Some(email) = email {
        points.push(
            Build::new()
                .with("system", "email")
                .with("value", email)
                .maybe("use", own_use.or(field_use))
                .done(),
        );
    }
    points
}

/// The telephone number: the whole one of 12, else put together from 5 to 8, else the old text of 1.
fn number(node: &Node<'_, '_>, has_email: bool) -> Option<CompactString> {
    const SAME: &str = "the same number, in another form";
    let structured = || {
        node.part(7)?;
        let mut text = CompactString::default();
        if let Some(country) = node.get(5) {
            if !country.starts_with('+') {
                text.push('+');
            }
            text.push_str(&country);
            text.push(' ');
        }
        if let Some(area) = node.get(6) {
            text.push_str(&area);
            text.push(' ');
        }
        text.push_str(&node.get(7)?);
        if let Some(extension) = node.get(8) {
            text.push_str(" x");
            text.push_str(&extension);
        }
        Some(text)
    };
    let whole = node.get(12);
    let from_parts = if whole.is_some() { None } else { structured() };
    if whole.is_some() || from_parts.is_some() {
        for at in [1, 5, 6, 7, 8] {
            if let Some(part) = node.part(at) {
                part.ignore(SAME);
            }
        }
        return whole.or(from_parts);
    }
    let old = if has_email && node.peek_part(1).is_some_and(|text| text.contains('@')) {
        None
    } else {
        node.get(1)
    };
    old.or_else(|| node.get(9))
}

/// All contact points of a field's repetitions.
pub(crate) fn all_contact_points<'r, 'm: 'r>(
    nodes: impl Iterator<Item = Node<'r, 'm>>,
    field_use: Option<&'static str>,
) -> Vec<Value> {
    nodes.flat_map(|node| contact_points(&node, field_use)).collect()
}

/// An Address; `None` if nothing of an address is there.
pub(crate) fn address(context: &Context<'_, '_>, node: &Node<'_, '_>) -> Option<Value> {
    let kind = node.peek_part(7);
    let use_code = kind.as_deref().and_then(|code| find(person::ADDRESS_USE, code));
    let type_code = kind.as_deref().and_then(|code| find(person::ADDRESS_TYPE, code));
    let street = node.part(1);
    let mut lines: Vec<Value> = Vec::new();
    if let Some(street) = street {
        // SAD: the line as a whole, else the name of the street and the number of the dwelling.
        let line = street.get(1).or_else(|| {
            let (name, number) = (street.get(2), street.get(3));
            match (name, number) {
                (Some(mut name), Some(number)) => {
                    name.push(' ');
                    name.push_str(&number);
                    Some(name)
                }
                (name, number) => name.or(number),
            }
        });
        lines.extend(line.map(Value::from));
    }
    for at in [2, 19] {
        lines.extend(node.get(at).map(Value::from));
    }
    let old_range = node.part(12);
    let (start, end) = match old_range {
        Some(range) => (range.part(1), range.part(2)),
        None => (node.part(13), node.part(14)),
    };
    let body = Build::new()
        .list("line", lines)
        .maybe("city", node.get(3))
        .maybe("district", node.get(9))
        .maybe("state", node.get(4))
        .maybe("postalCode", node.get(5))
        .maybe("country", node.get(6))
        .maybe("period", time::period(start, end, &context.zones))
        .some()?;
    if (use_code.is_some() || type_code.is_some()) && kind.is_some() {
        node.get(7);
    }
    let Value::Object(mut body) = body else { return None };
    if let Some(type_code) = type_code {
        body.insert_first("type", type_code);
    }
    if let Some(use_code) = use_code {
        body.insert_first("use", use_code);
    }
    Some(Value::Object(body))
}
