//! Validation against profiles, and against the rules of R4 that need more than structure.
//!
//! A [`Validator`] checks a resource in three layers, each saying what is wrong as [`Issue`]s with a FHIRPath place and without
//! any value: its structure ([`validate`](crate::validate)), the standard's own invariants, bindings, reference targets and
//! extensions, and the profiles that are asked for or that the resource claims in `meta.profile`. Profiles are read with
//! their snapshot, or made whole from differential and base.
//!
//! What cannot be checked because it is not loaded (a profile, a value set) is said as a warning, not passed over.
//!
//! Not here: logical models, questionnaires against their answers, `mustSupport` (which asks nothing of a resource).
//!
//! Source: FHIR R4 2.4 (extensibility), 4.1.5 (bindings), 5.1 (profiling), validation.html.

mod base;
mod binding;
mod codes;
mod definition;
mod extension;
mod loaded;
mod matching;
mod reference;
mod rules;
mod slicing;
mod standard;
#[cfg(test)]
mod tests;
mod walk;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub use definition::StructureDefinition;
pub use loaded::Loaded;

use crate::json::Value;
use crate::outcome::{Issue, IssueType, Severity};
use crate::path::{Bounds, Codes, Conforms, Context, Expression, Focus, Node, PathError, Resolve, Resolver};
use crate::validate::place::Place;
use rules::{Rule, Rules};

/// Elements that one validation looks at, each once for each rule that concerns it.
const VISITS_MAX: usize = 5_000_000;

/// What one invariant may cost.
const INVARIANT_STEPS_MAX: u64 = 2_000_000;

/// Profiles that are of profiles, and elements within each other.
const DEPTH_MAX: usize = 64;

/// Issues of one validation; after so many the rest is not said.
const ISSUES_MAX: usize = 200;

/// Finds profiles and definitions of extensions.
pub trait Profiles {
    /// The structure of this canonical (`url` or `url|version`); without a version the newest. `None` if it is not loaded.
    fn structure(&self, canonical: &str) -> Option<Arc<StructureDefinition>>;
}

/// No profiles at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProfiles;

impl Profiles for NoProfiles {
    fn structure(&self, _: &str) -> Option<Arc<StructureDefinition>> {
        None
    }
}

/// What a validation may know besides the resource.
#[derive(Clone, Copy)]
pub struct World<'w> {
    /// Profiles and extensions.
    pub profiles: &'w dyn Profiles,
    /// Value sets; without them no binding is checked.
    pub codes: Option<&'w dyn Codes>,
    /// Other resources, whose type and profiles references ask for.
    pub resources: Option<&'w dyn Resolve>,
    /// The present, for invariants that speak of it: milliseconds since 1970 UTC and minutes east of UTC.
    pub now: Option<(i64, i16)>,
}

/// Checks resources against the standard and profiles. Profiles are made ready once for all resources.
pub struct Validator<'w> {
    world: World<'w>,
    ready: RefCell<HashMap<String, Option<Arc<Rules>>>>,
}

impl<'w> Validator<'w> {
    /// A validator that has read no profile yet.
    #[must_use]
    pub fn new(world: World<'w>) -> Self {
        Self { world, ready: RefCell::new(HashMap::new()) }
    }

    /// Checks a resource: its structure, the rules of R4, the `profiles` asked for and those it claims. Returns what there is
    /// to say, in the order found, at most 200 issues. Without an issue of severity error the resource is valid.
    #[must_use]
    pub fn validate(&self, resource: &Value, profiles: &[&str]) -> Vec<Issue> {
        let run = Run::new(self, crate::validate::validate(resource));
        let node = Node::of_resource(resource);
        let place = Place::root(resource.resource_type().unwrap_or("Resource"));
        let bundle = (resource.resource_type() == Some("Bundle")).then_some(resource);
        let at = At { node, place: &place, resource, root: resource, bundle, element: "" };
        for profile in profiles {
            run.claimed(&at, profile, Severity::Error);
        }
        run.base(&at, profiles);
        run.issues.into_inner()
    }

    /// The rules of a profile; `None` if it, or one that it builds on, is not loaded.
    fn rules(&self, canonical: &str, depth: usize) -> Option<Arc<Rules>> {
        if let Some(known) = self.ready.borrow().get(canonical) {
            return known.clone();
        }
        let made = self.make(canonical, depth).map(Arc::new);
        self.ready.borrow_mut().insert(canonical.to_owned(), made.clone());
        made
    }

    fn make(&self, canonical: &str, depth: usize) -> Option<Rules> {
        let structure = self.world.profiles.structure(canonical)?;
        let base = structure.base.as_deref().filter(|base| standard::core_type(base).is_none());
        let mut root = match base {
            // A base that leads back to itself ends here.
            Some(_) if depth >= DEPTH_MAX / 4 => return None,
            Some(base) if !structure.is_snapshot => self.rules(base, depth + 1)?.root.clone(),
            _ => Rule::default(),
        };
        root.overlay(&structure);
        Some(Rules { url: structure.url.clone(), type_name: structure.type_name.clone(), root })
    }
}

/// One validation.
struct Run<'r, 'w> {
    validator: &'r Validator<'w>,
    issues: RefCell<Vec<Issue>>,
    /// What is said once for a resource however often it comes up.
    said: RefCell<HashSet<String>>,
    visits: Cell<usize>,
    depth: Cell<usize>,
}

/// An element and where it is.
#[derive(Clone, Copy)]
struct At<'p, 'a> {
    node: Node<'a>,
    place: &'p Place<'p>,
    /// The resource that it is in, perhaps a contained one.
    resource: &'a Value,
    /// The same, or the one that contains it.
    root: &'a Value,
    /// The bundle around them.
    bundle: Option<&'a Value>,
    /// Its path in the definitions, such as `HumanName.family`; empty for a resource.
    element: &'static str,
}

impl<'r, 'w> Run<'r, 'w> {
    fn new(validator: &'r Validator<'w>, issues: Vec<Issue>) -> Self {
        Self {
            validator,
            issues: RefCell::new(issues),
            said: RefCell::new(HashSet::new()),
            visits: Cell::new(0),
            depth: Cell::new(0),
        }
    }

    fn world(&self) -> &World<'w> {
        &self.validator.world
    }

    /// Counts an element; false when there were too many or they are too deep.
    fn visit(&self, place: &Place<'_>) -> bool {
        let visits = self.visits.get() + 1;
        self.visits.set(visits);
        if visits == VISITS_MAX {
            self.report(
                Severity::Error,
                IssueType::TooCostly,
                place,
                "the rest is too much work to be checked",
            );
        }
        visits < VISITS_MAX && place.depth() <= DEPTH_MAX
    }

    fn report(&self, severity: Severity, code: IssueType, place: &Place<'_>, details: impl Into<String>) {
        let mut issues = self.issues.borrow_mut();
        if issues.len() >= ISSUES_MAX {
            return;
        }
        let (details, place) = (details.into(), place.to_string());
        // Structure and profile often say the same of one place.
        let is_known = |issue: &Issue| {
            issue.code == code
                && issue.expression.first() == Some(&place)
                && (issue.details == details || matches!(code, IssueType::Required | IssueType::CodeInvalid))
                && issue.severity >= severity
        };
        if !issues.iter().any(is_known) {
            issues.push(Issue::new(severity, code, details).at(place));
        }
    }

    /// Says something once, wherever else it would have to be said again.
    fn report_once(&self, severity: Severity, code: IssueType, place: &Place<'_>, details: String) {
        if self.said.borrow_mut().insert(details.clone()) {
            self.report(severity, code, place, details);
        }
    }

    /// Checks a resource against a profile that it claims or that is asked for; `missing` says how bad it is if the profile
    /// is not loaded.
    fn claimed(&self, at: &At<'_, '_>, canonical: &str, missing: Severity) {
        if let Some(ty) = standard::core_type(canonical) {
            if !at.node.type_info().is_subtype_of(ty.name) {
                let details = format!("is not of the type {} that it should be of", ty.name);
                self.report(Severity::Error, IssueType::Invalid, at.place, details);
            }
            return;
        }
        match self.validator.rules(canonical, 0) {
            Some(rules) => self.against(at, &rules),
            None => {
                let details = format!(
                    "the profile {canonical} (or one it builds on) is not loaded, so it was not checked"
                );
                self.report_once(missing, IssueType::NotFound, at.place, details);
            }
        }
    }

    /// Checks a value against the rules of a profile.
    fn against(&self, at: &At<'_, '_>, rules: &Rules) {
        let depth = self.depth.get();
        if depth >= DEPTH_MAX / 2 {
            let details = format!("the profile {} refers to itself too deep to be checked", rules.url);
            return self.report_once(Severity::Warning, IssueType::TooCostly, at.place, details);
        }
        if !at.node.type_info().is_subtype_of(&rules.type_name) {
            let details = format!("the profile {} is for the type {}", rules.url, rules.type_name);
            return self.report(Severity::Error, IssueType::Invalid, at.place, details);
        }
        self.depth.set(depth + 1);
        self.element(at, &rules.root);
        self.depth.set(depth);
    }

    /// Whether a value is as a profile asks, without saying why not; `None` if the profile is not loaded.
    fn conforms_to(&self, at: &At<'_, '_>, canonical: &str) -> Option<bool> {
        if let Some(ty) = standard::core_type(canonical) {
            return Some(at.node.type_info().is_subtype_of(ty.name));
        }
        let rules = self.validator.rules(canonical, 0)?;
        Some(self.quietly(|run| run.against(at, &rules)))
    }

    /// Whether a check finds no error; nothing of it is said.
    fn quietly(&self, check: impl FnOnce(&Self)) -> bool {
        let before = self.issues.take();
        let said = self.said.borrow().clone();
        check(self);
        let found = self.issues.replace(before);
        self.said.replace(said);
        !found.iter().any(|issue| issue.severity >= Severity::Error)
    }

    /// Evaluates an expression on an element, with all that is known, and hands what it gives to `look`.
    fn evaluate<T>(
        &self,
        at: &At<'_, '_>,
        expression: &Expression,
        look: impl for<'i> FnOnce(&[crate::path::Item<'i>]) -> T,
    ) -> Result<T, PathError> {
        let around = Around { bundle: at.bundle, outside: self.world().resources };
        let resolver = Resolver::new(&around);
        let conforming = Conforming { run: self, at };
        let context = Context {
            now: self.world().now,
            bounds: Bounds { steps_max: INVARIANT_STEPS_MAX, ..Bounds::default() },
            resolver: Some(&resolver),
            codes: self.world().codes,
            profiles: Some(&conforming),
            ..Context::default()
        };
        let focus = Focus { node: at.node, resource: at.resource, root: at.root };
        let items = expression.evaluate_at(&focus, &context)?;
        Ok(look(&items))
    }
}

/// The bundle around a resource, and what lies beyond.
struct Around<'a, 'w> {
    bundle: Option<&'a Value>,
    outside: Option<&'w dyn Resolve>,
}

impl Resolve for Around<'_, '_> {
    fn resolve(&self, reference: &str) -> Option<Arc<Value>> {
        let inside = self.bundle.and_then(|bundle| crate::path::in_bundle(bundle, reference));
        match inside {
            Some(found) => Some(Arc::new(found.clone())),
            None => self.outside?.resolve(reference),
        }
    }
}

/// `conformsTo()` within an invariant.
struct Conforming<'c, 'r, 'w, 'p, 'a> {
    run: &'c Run<'r, 'w>,
    at: &'c At<'p, 'a>,
}

impl Conforms for Conforming<'_, '_, '_, '_, '_> {
    fn conforms(&self, node: Node<'_>, profile: &str) -> Option<bool> {
        let resource = if node.value().resource_type().is_some() { node.value() } else { self.at.resource };
        let at =
            At { node, place: self.at.place, resource, root: resource, bundle: self.at.bundle, element: "" };
        self.run.conforms_to(&at, profile)
    }
}
