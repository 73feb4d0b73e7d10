//! XCN and CN to Practitioner, XON to Organization, NDL to Practitioner: people and bodies named in passing.
//!
//! One with an identifier becomes a resource of its own; one with only a name is shown where it is named, because a name
//! alone does not say which person it is.

use compact_str::{CompactString, format_compact};
use fhir::json::Value;

use crate::hl7v2::context::Context;
use crate::hl7v2::reader::Node;
use crate::hl7v2::types::{coded, identifier, name};
use crate::json::{Build, reference};

/// A Reference to the practitioner of an XCN, wanting the resource if the person has an identifier.
pub(crate) fn practitioner(context: &mut Context<'_, '_>, node: &Node<'_, '_>) -> Option<Value> {
    let Some(number) = node.get(1) else {
        let line = name::take_display(node, name::XCN)?;
        return Some(Build::new().with("display", line).done());
    };
    let authority = node.part(9).and_then(|part| identifier::authority(context, &part, 1));
    let kind = node.peek_part(13).filter(|code| coded::is_code(code)).and_then(|_| node.get(13));
    let identifier = identifier::build(context, &number, authority.as_ref(), kind.as_deref(), "staff");
    let id = context.id("Practitioner", &[&identifier.key]);
    let human_name = name::human_name(context, node, name::XCN);
    let resource = Build::resource("Practitioner", &id)
        .with("identifier", vec![identifier.json.done()])
        .list("name", human_name.into_iter().collect())
        .done();
    let key = context.mention(resource);
    Some(Build::new().with("reference", key).maybe("display", name::display(node, name::XCN)).done())
}

/// A Reference to the practitioner of an NDL, whose first part is a CNN with the name in subcomponents.
pub(crate) fn practitioner_of_ndl(context: &mut Context<'_, '_>, node: &Node<'_, '_>) -> Option<Value> {
    let person = node.part(1)?;
    let line = name::display(&person, name::XCN);
    let Some(number) = person.get(1) else {
        name::take_display(&person, name::XCN);
        return line.map(|line| Build::new().with("display", line).done());
    };
    let authority = identifier::authority(context, &person, 9);
    let identifier = identifier::build(context, &number, authority.as_ref(), None, "staff");
    let id = context.id("Practitioner", &[&identifier.key]);
    let human_name = name::human_name(context, &person, name::XCN);
    let resource = Build::resource("Practitioner", &id)
        .with("identifier", vec![identifier.json.done()])
        .list("name", human_name.into_iter().collect())
        .done();
    let key = context.mention(resource);
    Some(Build::new().with("reference", key).maybe("display", line).done())
}

/// The Organization of an XON; gives `Type/id`.
pub(crate) fn organization(context: &mut Context<'_, '_>, node: &Node<'_, '_>) -> Option<CompactString> {
    let name = node.get(1);
    let number = node.get(10).or_else(|| node.get(3));
    let identifier = number.map(|number| {
        let authority = node.part(6).and_then(|part| identifier::authority(context, &part, 1));
        let kind = node.peek_part(7).filter(|code| coded::is_code(code)).and_then(|_| node.get(7));
        identifier::build(context, &number, authority.as_ref(), kind.as_deref(), "organization")
    });
    named_organization(context, name, identifier)
}

/// An Organization by its identifier, else by its name; gives `Type/id`.
pub(crate) fn named_organization(
    context: &mut Context<'_, '_>,
    name: Option<CompactString>,
    identifier: Option<identifier::Identifier>,
) -> Option<CompactString> {
    let key = match (&identifier, &name) {
        (Some(identifier), _) => identifier.key.clone(),
        (None, Some(name)) => format_compact!("name|{}", name.to_lowercase()),
        (None, None) => return None,
    };
    let id = context.id("Organization", &[&key]);
    let resource = Build::resource("Organization", &id)
        .list("identifier", identifier.map(|identifier| identifier.json.done()).into_iter().collect())
        .maybe("name", name)
        .done();
    Some(context.mention(resource))
}

/// The Organization that an HD names (the sending facility); gives `Type/id`.
pub(crate) fn organization_of_hd(
    context: &mut Context<'_, '_>,
    node: &Node<'_, '_>,
) -> Option<CompactString> {
    let authority = identifier::authority(context, node, 1)?;
    let key = authority.key()?;
    let id = context.id("Organization", &["authority", &key]);
    let identifier = authority
        .system
        .map(|uri| Build::new().with("system", "urn:ietf:rfc:3986").with("value", uri).done());
    // An Organization must have a name or an identifier (org-1).
    let name = authority.name.or_else(|| identifier.is_none().then_some(key));
    let resource = Build::resource("Organization", &id)
        .list("identifier", identifier.into_iter().collect())
        .maybe("name", name)
        .done();
    Some(context.mention(resource))
}

/// A Reference to a resource already wanted.
pub(crate) fn to(key: &CompactString) -> Value {
    reference(key)
}
