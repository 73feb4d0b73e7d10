//! Slices: which one an item belongs to, and whether each has what it needs.
//!
//! Source: FHIR R4 5.1.0.14 to 5.1.0.16 (slicing and discriminators).

use super::definition::{Discriminator, DiscriminatorKind, SlicingRules, Strength};
use super::rules::Rule;
use super::{At, Run, matching};
use crate::json::Value;
use crate::outcome::{IssueType, Severity};
use crate::path::{Item, type_info};
use crate::validate::place::Place;

/// What a slice asks of the value at a discriminator's path.
enum Wanted<'r> {
    Fixed(&'r Value),
    Pattern(&'r Value),
    /// A required binding.
    ValueSet(&'r str),
}

impl Run<'_, '_> {
    /// Sorts the items into the slices of a rule and checks each slice.
    pub(super) fn slices(&self, items: &[At<'_, '_>], rule: &Rule, whole: &Place<'_>) {
        let slicing = rule.says.slicing.as_ref();
        let mut counts = vec![0_usize; rule.slices.len()];
        let (mut last_slice, mut unsliced) = (0, false);
        for item in items {
            let Some((index, slice)) = self.slice_of(item, rule) else {
                unsliced = true;
                if slicing.is_some_and(|slicing| slicing.rules == SlicingRules::Closed) {
                    let details = "belongs to no slice of the profile, which allows no other";
                    self.report(Severity::Error, IssueType::Structure, item.place, details);
                }
                continue;
            };
            if let Some(count) = counts.get_mut(index) {
                *count += 1;
            }
            if slicing.is_some_and(|slicing| slicing.is_ordered) && index < last_slice {
                let details = "stands after a slice that the profile wants behind it";
                self.report(Severity::Error, IssueType::Structure, item.place, details);
            }
            if unsliced && slicing.is_some_and(|slicing| slicing.rules == SlicingRules::OpenAtEnd) {
                let details =
                    "stands after items that belong to no slice; the profile wants those at the end";
                self.report(Severity::Error, IssueType::Structure, item.place, details);
            }
            last_slice = last_slice.max(index);
            self.element(item, slice);
        }
        for (index, slice) in rule.slices.iter().enumerate() {
            self.count(counts.get(index).copied().unwrap_or_default(), slice, whole);
            if !slice.slices.is_empty() {
                let own: Vec<At<'_, '_>> = items
                    .iter()
                    .filter(|item| self.slice_of(item, rule).is_some_and(|(found, _)| found == index))
                    .copied()
                    .collect();
                self.slices(&own, slice, whole);
            }
        }
    }

    fn slice_of<'r>(&self, item: &At<'_, '_>, rule: &'r Rule) -> Option<(usize, &'r Rule)> {
        rule.slices.iter().enumerate().find(|(_, slice)| match self.belongs(item, rule, slice) {
            Some(belongs) => belongs,
            None => {
                let name = slice.slice.as_deref().unwrap_or_default();
                let details = format!("what belongs to the slice `{name}` of `{}` cannot be told", rule.name);
                self.report_once(Severity::Warning, IssueType::NotSupported, item.place, details);
                false
            }
        })
    }

    /// Whether an item is of a slice; `None` if the profile does not say how to tell.
    fn belongs(&self, item: &At<'_, '_>, rule: &Rule, slice: &Rule) -> Option<bool> {
        let discriminators = rule.says.slicing.as_ref().map_or(&[][..], |slicing| &slicing.discriminators);
        if discriminators.is_empty() {
            return implied(item, slice);
        }
        for discriminator in discriminators {
            if !self.discriminates(item, slice, discriminator)? {
                return Some(false);
            }
        }
        Some(true)
    }

    fn discriminates(&self, item: &At<'_, '_>, slice: &Rule, by: &Discriminator) -> Option<bool> {
        let steps = steps(&by.path);
        let rules = rules_at(slice, &steps);
        let expression = by.expression.as_ref()?;
        match by.kind {
            DiscriminatorKind::Value => {
                let wanted = wanted(slice, &steps);
                if wanted.is_empty() {
                    return if by.path == "url" { extension_url(item, slice) } else { None };
                }
                self.evaluate(item, expression, |items| {
                    wanted.iter().any(|wanted| items.iter().any(|item| self.is_wanted(item, wanted)))
                })
                .ok()
            }
            DiscriminatorKind::Exists => {
                let rule = rules.first()?;
                let exists = self.evaluate(item, expression, |items| !items.is_empty()).ok()?;
                match (rule.says.min, rule.says.max) {
                    (_, Some(Some(0))) => Some(!exists),
                    (Some(min), _) if min > 0 => Some(exists),
                    _ => None,
                }
            }
            DiscriminatorKind::Type => {
                let names: Vec<&str> = rules.iter().flat_map(|rule| type_names(rule, &steps)).collect();
                if names.is_empty() {
                    return None;
                }
                self.evaluate(item, expression, |items| {
                    items.iter().any(|item| names.iter().any(|name| is_of(item, name)))
                })
                .ok()
            }
            DiscriminatorKind::Profile => {
                let is_target = steps.contains(&"resolve()");
                let types = rules.iter().flat_map(|rule| rule.says.types.iter().flatten());
                let profiles: Vec<&str> = types
                    .flat_map(|ty| if is_target { &ty.targets } else { &ty.profiles })
                    .map(String::as_str)
                    .collect();
                if profiles.is_empty() {
                    return None;
                }
                self.evaluate(item, expression, |items| {
                    items.iter().any(|found| profiles.iter().any(|profile| self.is_as(item, found, profile)))
                })
                .ok()
            }
        }
    }

    fn is_as(&self, around: &At<'_, '_>, item: &Item<'_>, profile: &str) -> bool {
        match item {
            Item::Node(node) => {
                let resource =
                    if node.value().resource_type().is_some() { node.value() } else { around.resource };
                let at = At {
                    node: *node,
                    place: around.place,
                    resource,
                    root: resource,
                    bundle: around.bundle,
                    element: "",
                };
                self.conforms_to(&at, profile) == Some(true)
            }
            // Of a resource elsewhere only the type is known.
            Item::Elsewhere(name) => self.profile_type(profile).is_some_and(|wanted| wanted == *name),
            _ => false,
        }
    }

    fn is_wanted(&self, item: &Item<'_>, wanted: &Wanted<'_>) -> bool {
        match (item, wanted) {
            (Item::Node(node), Wanted::Fixed(fixed)) => matching::is_fixed(node.value(), fixed),
            (Item::Node(node), Wanted::Pattern(pattern)) => matching::fits_pattern(node.value(), pattern),
            (Item::Node(node), Wanted::ValueSet(url)) => self.is_member(node, url) == Some(true),
            (Item::String(text), Wanted::Fixed(fixed) | Wanted::Pattern(fixed)) => {
                fixed.as_str() == Some(text.as_ref())
            }
            (Item::Boolean(value), Wanted::Fixed(fixed) | Wanted::Pattern(fixed)) => {
                fixed.as_bool() == Some(*value)
            }
            _ => false,
        }
    }
}

/// Slices that need no discriminator: extensions by their url, choices by their type.
fn implied(item: &At<'_, '_>, slice: &Rule) -> Option<bool> {
    if item.node.type_name() == "Extension" {
        return extension_url(item, slice);
    }
    let name = slice.slice.as_deref()?;
    let suffix = name.strip_prefix(slice.name.as_str()).filter(|suffix| !suffix.is_empty());
    let by_name = suffix.is_some_and(|suffix| item.node.type_name().eq_ignore_ascii_case(suffix));
    match &slice.says.types {
        Some(types) => {
            let fits =
                |code: &str| type_info(code).is_some_and(|ty| item.node.type_info().is_subtype_of(ty.name));
            Some(types.iter().any(|ty| fits(&ty.code)))
        }
        None => suffix.map(|_| by_name),
    }
}

/// An extension is told by its url: that of the profile which the slice names, or one that is fixed.
fn extension_url(item: &At<'_, '_>, slice: &Rule) -> Option<bool> {
    let url = item.node.value().get("url").and_then(Value::as_str)?;
    let fixed =
        slice.children.iter().find(|child| child.name == "url").and_then(|child| child.says.fixed.as_ref());
    if let Some(fixed) = fixed {
        return Some(fixed.as_str() == Some(url));
    }
    let mut profiles = slice.says.types.iter().flatten().flat_map(|ty| &ty.profiles).peekable();
    profiles.peek()?;
    Some(profiles.any(|profile| profile.split('|').next() == Some(url)))
}

/// The steps of a discriminator's path: `code.coding`, `extension('url').value`, `resolve().code`; none for `$this`.
fn steps(path: &str) -> Vec<&str> {
    let (mut steps, mut start, mut depth, mut is_quoted) = (Vec::new(), 0, 0_usize, false);
    for (at, letter) in path.char_indices() {
        match letter {
            '\'' => is_quoted = !is_quoted,
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '.' if depth == 0 && !is_quoted => {
                steps.extend(path.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    steps.extend(path.get(start..));
    steps.retain(|step| *step != "$this" && !step.is_empty());
    steps
}

/// The url in `extension('url')`.
fn extension_step(step: &str) -> Option<&str> {
    step.strip_prefix("extension(")?.strip_suffix(')').map(|url| url.trim_matches('\''))
}

/// The rules below a slice at the end of a path; an element that is sliced has one in each slice.
fn rules_at<'r>(rule: &'r Rule, steps: &[&str]) -> Vec<&'r Rule> {
    let Some((step, rest)) = steps.split_first() else { return vec![rule] };
    if *step == "resolve()" || step.starts_with("ofType(") {
        return rules_at(rule, rest);
    }
    next(rule, step).into_iter().flat_map(|rule| rules_at(rule, rest)).collect()
}

fn next<'r>(rule: &'r Rule, step: &str) -> Vec<&'r Rule> {
    let url = extension_step(step);
    let name = if url.is_some() { "extension" } else { step };
    let children = rule.children.iter().filter(|child| child.name == name);
    children
        .flat_map(|child| std::iter::once(child).chain(&child.slices))
        .filter(|found| {
            let Some(url) = url else { return true };
            let mut profiles = found.says.types.iter().flatten().flat_map(|ty| &ty.profiles);
            profiles.any(|profile| profile == url)
        })
        .collect()
}

/// What a slice asks for at the end of a path: there, or by a fixed value or pattern of something above it.
fn wanted<'r>(rule: &'r Rule, steps: &[&str]) -> Vec<Wanted<'r>> {
    let mut found = Vec::new();
    if let Some(fixed) = &rule.says.fixed {
        found.extend(parts(fixed, steps).into_iter().map(Wanted::Fixed));
    }
    if let Some(pattern) = &rule.says.pattern {
        found.extend(parts(pattern, steps).into_iter().map(Wanted::Pattern));
    }
    let Some((step, rest)) = steps.split_first() else {
        let required = rule.says.binding.as_ref().filter(|binding| binding.strength == Strength::Required);
        if found.is_empty() {
            found.extend(required.map(|binding| Wanted::ValueSet(&binding.value_set)));
        }
        return found;
    };
    if *step == "resolve()" || step.starts_with("ofType(") {
        found.extend(wanted(rule, rest));
    } else {
        found.extend(next(rule, step).into_iter().flat_map(|rule| wanted(rule, rest)));
    }
    found
}

/// The parts of a fixed value at the end of a path, through its lists.
fn parts<'v>(value: &'v Value, steps: &[&str]) -> Vec<&'v Value> {
    let Some((step, rest)) = steps.split_first() else { return vec![value] };
    let inner = value.elements().iter().filter_map(|value| value.get(step));
    inner.flat_map(Value::elements).flat_map(|value| parts(value, rest)).collect()
}

/// The types that a rule leaves; after `resolve()` those that it may refer to.
fn type_names<'r>(rule: &'r Rule, steps: &[&str]) -> Vec<&'r str> {
    let types = rule.says.types.iter().flatten();
    if steps.last() == Some(&"resolve()") {
        return types.flat_map(|ty| &ty.targets).map(|url| tail(url)).collect();
    }
    types.map(|ty| ty.code.as_str()).collect()
}

fn tail(url: &str) -> &str {
    url.split('|').next().unwrap_or_default().rsplit('/').next().unwrap_or_default()
}

fn is_of(item: &Item<'_>, name: &str) -> bool {
    match item {
        Item::Node(node) => node.type_info().is_subtype_of(name),
        Item::Elsewhere(found) => crate::definitions::is_subtype(found, name),
        _ => false,
    }
}
