//! Plain paths: the part of FHIRPath that nearly every search expression keeps to, followed without an evaluator.

use crate::definitions::{CodeSet, Primitive};
use crate::json::Value;
use crate::path::{Child, Expr, Expression, Function, Literal, Operator, TypeInfo, TypeName, Variant};

use super::actual_type;
use super::convert::reference_type;

/// A path from a focus, or from the resource, to values of known types.
#[derive(Clone)]
pub(super) struct Route {
    from_resource: bool,
    steps: Vec<Step>,
    /// Where the route stands before any step.
    root: &'static TypeInfo,
}

#[derive(Clone)]
enum Step {
    /// All members that a name may stand under.
    Child(&'static Child),
    /// One of them.
    Variant(&'static Variant),
    /// Keeps values whose member is this text.
    Equal(&'static str, String),
    /// Keeps references to a type.
    PointsTo(String),
    /// Keeps one value of a list.
    Index(usize),
}

impl Route {
    /// The one type of what the route finds; `None` for a choice.
    pub(super) fn ty(&self) -> Option<&'static TypeInfo> {
        match self.types().as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The types of what the route finds.
    pub(super) fn types(&self) -> Vec<&'static TypeInfo> {
        for step in self.steps.iter().rev() {
            match step {
                Step::Child(child) => return child.variants.iter().map(Variant::ty).collect(),
                Step::Variant(variant) => return vec![variant.ty()],
                Step::Equal(..) | Step::PointsTo(_) | Step::Index(_) => {}
            }
        }
        vec![self.root]
    }

    /// The code set that the element at the end is bound to, if it is a plain `code`.
    pub(super) fn code_set(&self) -> Option<&'static CodeSet> {
        if self.ty()?.primitive != Some(Primitive::Code) {
            return None;
        }
        let at = self.steps.iter().rposition(|step| matches!(step, Step::Child(_)))?;
        let Some(Step::Child(child)) = self.steps.get(at) else { return None };
        let before = Self { steps: self.steps.get(..at)?.to_vec(), ..*self };
        before.ty()?.definition.element(child.name)?.binding()
    }

    fn with(&self, step: Step) -> Self {
        let mut longer = self.clone();
        longer.steps.push(step);
        longer
    }

    /// The route further along `name`, once for each type it may have reached.
    fn member(&self, name: &str) -> Vec<Self> {
        if let Some(Step::Child(child)) = self.steps.last()
            && child.variants.len() > 1
        {
            let mut narrow = Vec::new();
            for variant in &child.variants {
                if variant.ty().child(name).is_some() {
                    narrow.extend(self.narrowed(variant).member(name));
                }
            }
            return narrow;
        }
        let child = self.ty().and_then(|ty| ty.child(name));
        child.map(|child| self.with(Step::Child(child))).into_iter().collect()
    }

    fn narrowed(&self, variant: &'static Variant) -> Self {
        let mut narrow = self.clone();
        narrow.steps.pop();
        narrow.steps.push(Step::Variant(variant));
        narrow
    }

    /// The route kept to a type; nothing when it cannot be reached. Names are compared without case, because R4 writes
    /// `as(DateTime)` for FHIR's `dateTime`.
    fn typed(&self, name: &TypeName) -> Option<Self> {
        let fits = |ty: &TypeInfo| {
            ty.name.eq_ignore_ascii_case(&name.name)
                || (ty.primitive.is_none() && ty.is_subtype_of(&name.name))
        };
        if let Some(Step::Child(child)) = self.steps.last()
            && child.variants.len() > 1
        {
            return child
                .variants
                .iter()
                .find(|variant| fits(variant.ty()))
                .map(|variant| self.narrowed(variant));
        }
        self.ty().filter(|ty| fits(ty)).map(|_| self.clone())
    }
}

/// Turns an expression into routes from `focus` (and `%resource` from `root`); `None` when it is more than plain paths.
pub(super) fn compile(
    expression: &Expression,
    focus: &'static TypeInfo,
    root: &'static TypeInfo,
) -> Option<Vec<Route>> {
    routes(expression.root(), focus, root)
}

fn routes(expr: &Expr, focus: &'static TypeInfo, root: &'static TypeInfo) -> Option<Vec<Route>> {
    let start = || Route { from_resource: false, steps: Vec::new(), root: focus };
    let from = |base: &Option<Box<Expr>>| match base {
        Some(base) => routes(base, focus, root),
        None => Some(vec![start()]),
    };
    Some(match expr {
        Expr::This => vec![start()],
        Expr::Variable(name) if name == "resource" => {
            vec![Route { from_resource: true, steps: Vec::new(), root }]
        }
        Expr::Member { base: None, member } if focus.is_subtype_of(member.name()) => vec![start()],
        Expr::Member { base, member } => {
            from(base)?.iter().flat_map(|route| route.member(member.name())).collect()
        }
        Expr::Typed { base, operator, name } if *operator != crate::path::TypeOperator::Is => {
            from(base)?.iter().filter_map(|route| route.typed(name)).collect()
        }
        Expr::Binary { operator: Operator::Union, left, right } => {
            let mut both = routes(left, focus, root)?;
            both.extend(routes(right, focus, root)?);
            both
        }
        Expr::Indexer { base, index } => match index.as_ref() {
            Expr::Literal(Literal::Integer(index)) => {
                let index = usize::try_from(*index).ok()?;
                let found = routes(base, focus, root)?;
                // An index counts over the whole collection: only right when one list is walked.
                let [only] = found.as_slice() else { return None };
                (only.steps.len() == 1).then(|| vec![only.with(Step::Index(index))])?
            }
            _ => return None,
        },
        Expr::Call { base, function: Function::Where, arguments } => {
            let [criterion] = arguments.as_slice() else { return None };
            let found = from(base)?;
            found.iter().map(|route| filtered(route, criterion)).collect::<Option<Vec<_>>>()?
        }
        _ => return None,
    })
}

/// `where(system='phone')` and `where(resolve() is Patient)`.
fn filtered(route: &Route, criterion: &Expr) -> Option<Route> {
    match criterion {
        Expr::Binary { operator: Operator::Equal, left, right } => match (left.as_ref(), right.as_ref()) {
            (Expr::Member { base: None, member }, Expr::Literal(Literal::String(text))) => {
                let child = route.ty()?.child(member.name())?;
                let [variant] = child.variants.as_slice() else { return None };
                Some(route.with(Step::Equal(variant.json, text.to_string())))
            }
            _ => None,
        },
        Expr::Typed { base: Some(base), operator: crate::path::TypeOperator::Is, name } => {
            match base.as_ref() {
                Expr::Call { base: None, function: Function::Resolve, .. } => {
                    Some(route.with(Step::PointsTo(name.name.to_string())))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Hands every value at the end of a route to `found`, with its type.
pub(super) fn walk(
    route: &Route,
    focus: &Value,
    resource: &Value,
    found: &mut dyn FnMut(&Value, &'static TypeInfo),
) {
    follow(if route.from_resource { resource } else { focus }, &route.steps, route.root, found);
}

/// Recursion is as deep as the route is long, which the expression's author bounds.
fn follow(
    value: &Value,
    steps: &[Step],
    ty: &'static TypeInfo,
    found: &mut dyn FnMut(&Value, &'static TypeInfo),
) {
    let Some((step, rest)) = steps.split_first() else {
        return found(value, actual_type(value, ty));
    };
    match step {
        Step::Child(child) => {
            for variant in &child.variants {
                enter(value, variant, rest, found);
            }
        }
        Step::Variant(variant) => enter(value, variant, rest, found),
        Step::Equal(member, text) => {
            if value.get(member).and_then(Value::as_str) == Some(text) {
                follow(value, rest, ty, found);
            }
        }
        Step::PointsTo(type_name) => {
            if reference_type(value) == Some(type_name) {
                follow(value, rest, ty, found);
            }
        }
        // The list was cut where it was entered.
        Step::Index(_) => follow(value, rest, ty, found),
    }
}

fn enter(
    value: &Value,
    variant: &'static Variant,
    rest: &[Step],
    found: &mut dyn FnMut(&Value, &'static TypeInfo),
) {
    let Some(member) = value.get(variant.json) else { return };
    let ty = variant.ty();
    match (member, rest.first()) {
        (Value::Array(list), Some(Step::Index(index))) => {
            if let Some(element) = list.get(*index) {
                follow(element, rest, ty, found);
            }
        }
        (_, Some(Step::Index(index))) if *index > 0 => {}
        (Value::Array(list), _) => {
            for element in list {
                follow(element, rest, ty, found);
            }
        }
        (single, _) => follow(single, rest, ty, found),
    }
}
