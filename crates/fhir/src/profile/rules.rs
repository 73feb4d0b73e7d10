//! A profile as a tree of rules: what its bases say, overlaid by what it says itself.
//!
//! This is the snapshot of a profile that comes without one, kept as far as a validator needs it.
//!
//! Source: FHIR R4 5.1.0.6 (differential and snapshot), 5.1.0.14 (slicing).

use super::definition::{Says, Segment, StructureDefinition};
use crate::definitions::{Type, type_named};

/// A profile ready for use.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) url: String,
    pub(super) type_name: String,
    pub(super) root: Rule,
}

/// The rules of one element or of one slice of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) slice: Option<String>,
    pub(super) says: Says,
    pub(super) slices: Vec<Rule>,
    pub(super) children: Vec<Rule>,
}

impl Rule {
    /// Overlays the elements of a definition.
    pub(super) fn overlay(&mut self, structure: &StructureDefinition) {
        let root = type_named(&structure.type_name);
        for element in &structure.elements {
            self.at(&element.segments, root).take(&element.says);
        }
    }

    /// The rule at the end of the segments; made where it is missing.
    fn at(&mut self, segments: &[Segment], ty: Option<&'static Type>) -> &mut Self {
        let Some((first, rest)) = segments.split_first() else { return self };
        let (name, slice, ty) = resolved(first, ty);
        let mut rule = child(&mut self.children, |rule| rule.name == name, || Self::named(&name, None));
        // A slice may be sliced again: `a/b` is the slice `b` of the slice `a`.
        let mut so_far = String::new();
        for part in slice.iter().flat_map(|slice| slice.split('/')) {
            if !so_far.is_empty() {
                so_far.push('/');
            }
            so_far.push_str(part);
            let is_it = |rule: &Self| rule.slice.as_deref() == Some(so_far.as_str());
            rule = child(&mut rule.slices, is_it, || Self::named(&name, Some(&so_far)));
        }
        rule.at(rest, ty)
    }

    fn named(name: &str, slice: Option<&str>) -> Self {
        Self { name: name.to_owned(), slice: slice.map(str::to_owned), ..Self::default() }
    }

    /// What is said replaces what was inherited; constraints come on top.
    fn take(&mut self, says: &Says) {
        let own = &mut self.says;
        own.min = says.min.or(own.min);
        own.max = says.max.or(own.max);
        own.max_length = says.max_length.or(own.max_length);
        let fields = [
            (&mut own.fixed, &says.fixed),
            (&mut own.pattern, &says.pattern),
            (&mut own.min_value, &says.min_value),
            (&mut own.max_value, &says.max_value),
        ];
        for (own, says) in fields {
            if says.is_some() {
                own.clone_from(says);
            }
        }
        if says.types.is_some() {
            own.types.clone_from(&says.types);
        }
        if says.binding.is_some() {
            own.binding.clone_from(&says.binding);
        }
        if says.slicing.is_some() {
            own.slicing.clone_from(&says.slicing);
        }
        for constraint in &says.constraints {
            own.constraints.retain(|known| known.key != constraint.key);
            own.constraints.push(constraint.clone());
        }
    }
}

#[expect(clippy::indexing_slicing, reason = "the place was found or made just before")]
fn child(rules: &mut Vec<Rule>, is_it: impl Fn(&Rule) -> bool, make: impl FnOnce() -> Rule) -> &mut Rule {
    let at = rules.iter().position(is_it).unwrap_or(rules.len());
    if at == rules.len() {
        rules.push(make());
    }
    &mut rules[at]
}

/// The element that a segment names on a type, the slice, and the type beyond. `valueQuantity` is the slice of that name
/// of `value`.
fn resolved(segment: &Segment, ty: Option<&'static Type>) -> (String, Option<String>, Option<&'static Type>) {
    let plain = || (segment.name.clone(), segment.slice.clone());
    let Some(ty) = ty else {
        let (name, slice) = plain();
        return (name, slice, None);
    };
    if let Some(element) = ty.element(&segment.name) {
        let named = segment.slice.as_deref().and_then(|slice| ty.property(slice));
        let beyond = match (element.types, named) {
            (_, Some(property)) if property.element.name == element.name => Some(property.ty),
            ([only], _) => only.ty(),
            _ => None,
        };
        let (name, slice) = plain();
        return (name, slice, beyond);
    }
    match ty.property(&segment.name) {
        Some(property) => {
            let slice = segment.slice.clone().unwrap_or_else(|| segment.name.clone());
            (property.element.name.to_owned(), Some(slice), Some(property.ty))
        }
        None => {
            let (name, slice) = plain();
            (name, slice, None)
        }
    }
}
