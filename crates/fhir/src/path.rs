//! FHIRPath: expressions parsed once, evaluated over [`json::Value`](crate::json::Value) with knowledge of the R4 types.
//!
//! An [`Expression`] is text made ready; [`Expression::evaluate`] gives [`Item`]s that borrow from the resource. There is
//! no clock and nothing but the resource in reach: the present, variables, other resources, codes and profiles come in a
//! [`Context`]. Without them `resolve()` knows contained resources, the entries of a bundle and the types that references
//! name, and `memberOf` and its kin are refused. Everything is bounded by [`Bounds`], so an expression from outside can be
//! evaluated on a resource from outside.
//!
//! ```
//! use fhir::json::{self, Limits};
//! use fhir::path::{Context, Expression, Item};
//!
//! let patient = br#"{"resourceType":"Patient","name":[{"use":"official","given":["Ann","Bea"]}]}"#;
//! let patient = json::parse(patient, &Limits::default()).unwrap();
//! let expression = Expression::parse("name.where(use = 'official').given.first()").unwrap();
//! let items = expression.evaluate(&patient, &Context::default()).unwrap();
//! assert!(matches!(&items[..], [Item::Node(given)] if given.value().as_str() == Some("Ann")));
//! ```
//!
//! Source: FHIRPath N1 (ANSI/HL7 NMN1-2020), and FHIR R4 2.9 for what FHIR adds.

mod check;
mod collection;
mod evaluate;
mod function;
mod functions;
mod item;
mod lexer;
mod member;
mod model;
mod operators;
mod parser;
mod ports;
mod syntax;
mod temporal;
mod units;
mod xhtml;

pub(crate) use function::Function;
pub(crate) use functions::in_bundle;
pub use item::{Item, Node, Quantity, TypeReference};
pub(crate) use model::{Child, TypeInfo, Variant, resource_info, type_info};
pub use ports::{Codes, Conforms, Resolve, Resolver};
pub(crate) use syntax::{Expr, Literal, Operator, TypeName, TypeOperator};
pub use temporal::{CalendarUnit, Date, DateTime, Time};
pub use units::{convert_unit, unit_dimension};

use std::borrow::Cow;
use std::fmt;

/// Why an expression could not be parsed or evaluated. Carries no values of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    kind: PathErrorKind,
    offset: Option<usize>,
    message: Cow<'static, str>,
}

/// What a [`PathError`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathErrorKind {
    /// The text is no expression; [`PathError::offset`] tells where.
    Syntax,
    /// The expression cannot be applied to these values.
    Evaluation,
    /// A bound was reached.
    Limit,
    /// The function is known, but needs something that is not here (a terminology, a profile).
    Unsupported,
    /// A name is unknown on the type that it is applied to; found by [`Expression::check`].
    Semantic,
}

impl PathError {
    fn syntax(offset: usize, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: PathErrorKind::Syntax, offset: Some(offset), message: message.into() }
    }

    /// What the error is about.
    #[must_use]
    pub const fn kind(&self) -> PathErrorKind {
        self.kind
    }

    /// The byte offset in the expression, for syntax errors.
    #[must_use]
    pub const fn offset(&self) -> Option<usize> {
        self.offset
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "{} (at byte {offset} of the expression)", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for PathError {}

/// The bounds of parsing and evaluation.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// The length of an expression.
    pub expression_bytes_max: usize,
    /// The number of tokens of an expression.
    pub tokens_max: usize,
    /// The height of an expression's tree; evaluation recurses this deep.
    pub depth_max: usize,
    /// How many items an evaluation may touch.
    pub steps_max: u64,
    /// How many items a collection may hold.
    pub items_max: usize,
    /// How long a computed text may be.
    pub text_bytes_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            expression_bytes_max: 64 * 1024,
            tokens_max: 8192,
            depth_max: 64,
            steps_max: 10_000_000,
            items_max: 1_000_000,
            text_bytes_max: 1024 * 1024,
        }
    }
}

/// What an evaluation may know besides the resource.
#[derive(Clone, Default)]
pub struct Context<'a> {
    /// The present, in milliseconds since 1970 UTC and minutes east of UTC; without it `now()` and its kin are refused.
    pub now: Option<(i64, i16)>,
    /// Values for `%name`. `%resource`, `%rootResource`, `%context` and the code systems' names are always there.
    pub variables: Vec<(String, Vec<Item<'a>>)>,
    /// Whether a name that its type does not have is an error; otherwise it is empty.
    pub strict: bool,
    /// The bounds.
    pub bounds: Bounds,
    /// Other resources, for `resolve()`.
    pub resolver: Option<&'a Resolver<'a>>,
    /// Value sets and hierarchies, for `memberOf()`, `subsumes()` and `subsumedBy()`.
    pub codes: Option<&'a dyn Codes>,
    /// Profiles, for `conformsTo()`.
    pub profiles: Option<&'a dyn Conforms>,
}

/// Where an evaluation starts when that is not the resource itself.
#[derive(Clone, Copy, Debug)]
pub struct Focus<'a> {
    /// `%context`, and what names stand on.
    pub node: Node<'a>,
    /// `%resource`: the resource that has the node in it, which may be a contained one.
    pub resource: &'a crate::json::Value,
    /// `%rootResource`: the same, or the one that contains it.
    pub root: &'a crate::json::Value,
}

/// A parsed expression.
#[derive(Debug, PartialEq)]
pub struct Expression {
    root: syntax::Expr,
}

impl Expression {
    /// Parses an expression within the default [`Bounds`].
    ///
    /// # Errors
    /// [`PathErrorKind::Syntax`] with the place, for text that is no expression, an unknown function, or an expression that
    /// is too long or nested too deeply.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        Ok(Self { root: parser::parse(text, &Bounds::default())? })
    }

    /// Checks the expression against the R4 types, to be evaluated on a value of `type_name` (`Patient`, `HumanName`).
    ///
    /// What cannot be known before a resource is seen passes.
    ///
    /// # Errors
    /// [`PathErrorKind::Semantic`] for a name that its type does not have, and for a position (`first()`, `[0]`) in a
    /// collection without order.
    pub fn check(&self, type_name: &str) -> Result<(), PathError> {
        check::check(&self.root, type_name)
    }

    /// An expression that ends in an element's name as what comes before it and that name.
    pub(crate) fn split_member(self) -> Option<(Option<Self>, compact_str::CompactString)> {
        match self.root {
            Expr::Member { base, member } => {
                Some((base.map(|base| Self { root: *base }), member.name().into()))
            }
            _ => None,
        }
    }

    pub(crate) const fn root(&self) -> &Expr {
        &self.root
    }

    /// Evaluates the expression with `resource` as its context.
    ///
    /// # Errors
    /// A [`PathError`] when the values do not fit the expression or a bound is reached.
    pub fn evaluate<'a>(
        &'a self,
        resource: &'a crate::json::Value,
        context: &Context<'a>,
    ) -> Result<Vec<Item<'a>>, PathError> {
        self.evaluate_at(&Focus { node: Node::of_resource(resource), resource, root: resource }, context)
    }

    /// Evaluates the expression on an element.
    ///
    /// # Errors
    /// A [`PathError`] when the values do not fit the expression or a bound is reached.
    pub fn evaluate_at<'a>(
        &'a self,
        focus: &Focus<'a>,
        context: &Context<'a>,
    ) -> Result<Vec<Item<'a>>, PathError> {
        let evaluator = evaluate::Evaluator::new(focus, context);
        let this = [Item::Node(focus.node)];
        let scope = evaluate::Scope { this: &this, index: None, total: None };
        Ok(evaluator.eval(&self.root, &scope)?.into_vec())
    }
}

/// Writes the expression so that parsing gives it back.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

#[cfg(test)]
mod tests;
