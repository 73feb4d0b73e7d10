//! The rules of the standard itself, for every element of a resource.

use super::walk::{element_path, values};
use super::{At, Run, standard};
use crate::definitions::Kind;
use crate::json::Value;
use crate::outcome::Severity;

use super::definition::{Binding, Strength};

impl Run<'_, '_> {
    /// Checks an element and all below it: invariants, extensible bindings, reference targets, extensions, and the profiles
    /// that a resource claims and that were not `asked` for.
    pub(super) fn base(&self, at: &At<'_, '_>, asked: &[&str]) {
        if !self.visit(at.place) {
            return;
        }
        let ty = at.node.type_info();
        if ty.definition.kind == Kind::Resource {
            self.meta_profiles(at, asked);
        }
        let mut named = Some(ty.definition);
        while let Some(one) = named {
            self.invariants(at, one.name);
            named = one.base();
        }
        if at.element != ty.name {
            self.invariants(at, at.element);
        }
        // A primitive mostly has nothing below it.
        if ty.primitive.is_some() && at.node.companion().is_none() {
            return;
        }
        for child in ty.children() {
            let element = element_path(&at.node, child);
            for (index, node) in values(&at.node, child) {
                let place = at.place.member(child.name, index);
                let below = at.below(node, &place, element);
                self.coded(&below);
                if node.type_name() == "Reference"
                    && let Some(element) = ty.definition.element(child.name)
                {
                    self.target_types(&below, element);
                }
                if node.type_name() == "Extension" {
                    self.extension(&below, at, child.name == "modifierExtension");
                }
                self.base(&below, &[]);
            }
        }
    }

    fn meta_profiles(&self, at: &At<'_, '_>, asked: &[&str]) {
        let profiles = at.node.value().get("meta").and_then(|meta| meta.get("profile"));
        for profile in profiles.map_or(&[][..], Value::elements).iter().filter_map(Value::as_str) {
            if !asked.contains(&profile) {
                self.claimed(at, profile, Severity::Warning);
            }
        }
    }

    fn invariants(&self, at: &At<'_, '_>, path: &str) {
        for invariant in standard::invariants(path) {
            self.invariant(at, &invariant.key, invariant.severity, &invariant.expression, &invariant.rule);
        }
    }

    fn coded(&self, at: &At<'_, '_>) {
        let Some(url) = standard::extensible_binding(at.element) else { return };
        // Of the standard's own value sets, some (LOINC, SNOMED CT) are seldom loaded; that is no warning's worth.
        if self.is_member(&at.node, url) == Some(false) {
            self.binding(at, &Binding { strength: Strength::Extensible, value_set: url.to_owned() });
        }
    }
}
