//! References within a transaction: to what an entry's `fullUrl` names, and conditional ones.

use std::collections::{HashMap, HashSet};

use compact_str::{CompactString, format_compact};
use fhir::json::Value;

use super::entry::{Method, Step};
use super::{Placed, Plan, type_name};
use crate::error::{Error, ErrorKind, Result};
use crate::layout;

/// Finds the id of the one resource that search parameters find.
pub(super) type Resolve<'a> = dyn FnMut(u16, &str) -> Result<Option<CompactString>> + 'a;

/// What references of the bundle turn into.
pub(super) struct Links {
    /// `fullUrl`, or its relative form, to `Type/id`.
    urls: HashMap<CompactString, CompactString>,
    /// Type, system and value of an identifier of an entry, to the entry's place; `None` if several have it.
    identifiers: HashMap<(u16, CompactString, CompactString), Option<CompactString>>,
    /// Conditional references found already.
    conditional: HashMap<CompactString, CompactString>,
    /// What entries make of which the version is known beforehand: it is the first.
    new: HashSet<CompactString>,
}

impl Links {
    /// Notes what each entry became.
    pub(super) fn new<'a>(steps: &[Step], placed: impl Iterator<Item = &'a Placed>) -> Self {
        let mut links = Self {
            urls: HashMap::new(),
            identifiers: HashMap::new(),
            conditional: HashMap::new(),
            new: HashSet::new(),
        };
        for (step, one) in steps.iter().zip(placed) {
            if one.id.is_empty() || matches!(one.plan, Plan::Delete { .. } | Plan::Get) {
                continue;
            }
            let path = format_compact!("{}/{}", type_name(one.code), one.id);
            if matches!(one.plan, Plan::Create | Plan::Put { fresh: true, .. }) {
                links.new.insert(path.clone());
            }
            if let Some(url) = &step.full_url {
                // `http://base/Patient/7` is also what `Patient/7` means in this bundle (R4 bundle.html#references).
                if step.method == Method::Post
                    && let Some(relative) = relative(url)
                {
                    links.urls.insert(relative.into(), path.clone());
                }
                links.urls.insert(url.clone(), path.clone());
            }
            let identifiers = step.resource.as_ref().and_then(|value| value.get("identifier"));
            let Some(identifiers) = identifiers.and_then(Value::as_array) else { continue };
            for identifier in identifiers {
                let text = |key| identifier.get(key).and_then(Value::as_str).map(CompactString::from);
                let Some(value) = text("value") else { continue };
                let key = (one.code, text("system").unwrap_or_default(), value);
                links
                    .identifiers
                    .entry(key)
                    .and_modify(|known| {
                        if known.as_ref() != Some(&path) {
                            *known = None;
                        }
                    })
                    .or_insert_with(|| Some(path.clone()));
            }
        }
        links
    }

    /// Rewrites the references of a resource.
    pub(super) fn rewrite(&mut self, value: &mut Value, resolve: &mut Resolve<'_>) -> Result<()> {
        match value {
            Value::Array(elements) => {
                elements.iter_mut().try_for_each(|element| self.rewrite(element, resolve))
            }
            Value::Object(object) => {
                for (key, member) in object.iter_mut() {
                    let Some(text) = member.as_str() else {
                        for element in member.as_array_mut().into_iter().flatten() {
                            let url = element.as_str().filter(|text| is_link(key, text));
                            if let Some(becomes) = url.and_then(|url| self.urls.get(url)) {
                                *element = Value::from(becomes.clone());
                            }
                        }
                        self.rewrite(member, resolve)?;
                        continue;
                    };
                    let becomes = if key == "reference" {
                        self.reference(text, resolve)?
                    } else if key == "div" {
                        self.narrative(text)
                    } else if is_link(key, text) {
                        self.urls.get(text).cloned()
                    } else {
                        None
                    };
                    if let Some(becomes) = becomes {
                        *member = Value::from(becomes);
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What a `Reference.reference` becomes; `None` if it stays.
    fn reference(&mut self, text: &str, resolve: &mut Resolve<'_>) -> Result<Option<CompactString>> {
        // A fragment goes on into what was contained: `urn:uuid:…#part`.
        let (url, fragment) = match text.split_once('#') {
            Some((url, fragment)) if !url.is_empty() => (url, Some(fragment)),
            _ => (text, None),
        };
        if let Some(versioned) = self.versioned(url, fragment) {
            return Ok(Some(versioned));
        }
        if let Some(path) = self.urls.get(url) {
            return Ok(Some(match fragment {
                Some(fragment) => format_compact!("{path}#{fragment}"),
                None => path.clone(),
            }));
        }
        if url.starts_with("urn:uuid:") || url.starts_with("urn:oid:") {
            return Err(Error::new(
                ErrorKind::Unprocessable,
                "a reference names an entry that is not in the bundle",
            ));
        }
        let Some((name, query)) = text.split_once('?') else { return Ok(None) };
        let Some(code) = layout::type_code(name) else { return Ok(None) };
        if let Some(path) = self.conditional.get(text) {
            return Ok(Some(path.clone()));
        }
        let path = match resolve(code, query)? {
            Some(id) => format_compact!("{name}/{id}"),
            None => self.in_bundle(code, query).ok_or_else(|| {
                Error::new(ErrorKind::PreconditionFailed, "a conditional reference finds no resource")
            })?,
        };
        self.conditional.insert(text.into(), path.clone());
        Ok(Some(path))
    }

    /// What a reference to one version of an entry (`…/_history/2`) becomes: of what the bundle makes there is only the
    /// first version; of what stands already the version is the one that was written (R4 bundle.html#references).
    fn versioned(&self, url: &str, fragment: Option<&str>) -> Option<CompactString> {
        let (base, version) = url.split_once("/_history/")?;
        let path = self.urls.get(base)?;
        let version = if self.new.contains(path) { "1" } else { version };
        let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
        Some(format_compact!("{path}/_history/{version}{fragment}"))
    }

    /// A narrative with the links and pictures in it that name entries (`<a href`, `<img src`) rewritten; `None` if none does.
    fn narrative(&self, text: &str) -> Option<CompactString> {
        let mut out = String::new();
        let mut rest = text;
        let mut done = 0;
        while let Some(at) =
            ["href=", "src="].iter().filter_map(|name| Some(rest.find(name)? + name.len())).min()
        {
            let (before, after) = rest.split_at_checked(at)?;
            out.push_str(before);
            rest = after;
            let Some(quote) = after.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else {
                continue;
            };
            let Some((url, _)) = after.get(1..).and_then(|value| value.split_once(quote)) else { continue };
            if let Some(path) = self.urls.get(url) {
                out.push(quote);
                out.push_str(path);
                rest = after.get(1 + url.len()..)?;
                done += 1;
            }
        }
        out.push_str(rest);
        (done > 0).then(|| out.into())
    }

    /// An entry of the bundle that `identifier=system|value` names.
    fn in_bundle(&self, code: u16, query: &str) -> Option<CompactString> {
        let token = query.strip_prefix("identifier=")?;
        let (system, value) = token.split_once('|').unwrap_or(("", token));
        self.identifiers.get(&(code, system.into(), value.into())).cloned().flatten()
    }
}

/// Whether an element other than `Reference.reference` may hold a link to an entry: uri, url, canonical, oid and uuid
/// elements do. An identifier's or contact's `value` and texts are strings and stay.
fn is_link(key: &str, text: &str) -> bool {
    (text.starts_with("urn:uuid:") || text.starts_with("urn:oid:"))
        && !matches!(key, "value" | "display" | "text" | "id" | "div" | "valueString" | "fullUrl")
}

/// `Type/id` at the end of an absolute URL.
fn relative(url: &str) -> Option<&str> {
    if !url.starts_with("http") {
        return None;
    }
    let id_at = url.rfind('/')?;
    let type_at = url.get(..id_at)?.rfind('/')? + 1;
    let name = url.get(type_at..id_at)?;
    layout::type_code(name)?;
    url.get(type_at..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relative_form_of_a_full_url_is_its_type_and_id() {
        assert_eq!(relative("http://example.org/fhir/Patient/7"), Some("Patient/7"));
        assert_eq!(relative("urn:uuid:7"), None);
        assert_eq!(relative("http://example.org/fhir/patients/7"), None);
    }
}
