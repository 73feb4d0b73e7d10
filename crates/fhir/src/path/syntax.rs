//! The parsed expression and how it is written.

use std::fmt::{self, Display, Formatter};

use compact_str::CompactString;
use rust_decimal::Decimal;

use super::function::Function;
use super::member::Member;
use super::model::type_info;
use super::temporal::{Date, DateTime, Time};

/// One node of an expression. `None` as a base means the current input.
#[derive(Debug, PartialEq)]
pub(crate) enum Expr {
    /// `{}`
    Empty,
    Literal(Literal),
    /// `$this`
    This,
    /// `$index`
    Index,
    /// `$total`
    Total,
    /// `%name`
    Variable(CompactString),
    Member {
        base: Option<Box<Expr>>,
        member: Member,
    },
    Indexer {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    Call {
        base: Option<Box<Expr>>,
        function: Function,
        arguments: Vec<Expr>,
    },
    /// `is`, `as` and `ofType`, as operators or functions.
    Typed {
        base: Option<Box<Expr>>,
        operator: TypeOperator,
        name: TypeName,
    },
    Negate(Box<Expr>),
    /// A plus sign before an expression: nothing for numbers, an error for the rest.
    Plus(Box<Expr>),
    Binary {
        operator: Operator,
        left: Box<Expr>,
        right: Box<Expr>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Boolean(bool),
    String(CompactString),
    Integer(i64),
    Decimal(Decimal),
    Date(Date),
    DateTime(DateTime),
    Time(Time),
    Quantity { value: Decimal, unit: Unit },
}

/// The unit of a quantity literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// `'mg'`
    Ucum(CompactString),
    /// `day`, in the singular.
    Calendar(&'static str),
}

/// A type as written: `Quantity`, `FHIR.Quantity`, `System.Integer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypeName {
    pub(crate) namespace: Option<CompactString>,
    pub(crate) name: CompactString,
    /// Whether there is such a type, looked up once.
    pub(super) known: bool,
}

const SYSTEM_TYPES: [&str; 10] =
    ["Any", "Boolean", "Integer", "Long", "Decimal", "String", "Date", "DateTime", "Time", "Quantity"];

impl TypeName {
    pub(super) fn new(namespace: Option<CompactString>, name: CompactString) -> Self {
        let in_fhir = || type_info(&name).is_some();
        let known = match namespace.as_deref() {
            // Nothing is of a System type that does not exist; that is no error.
            Some("System") => true,
            Some("FHIR") => in_fhir(),
            None => SYSTEM_TYPES.contains(&name.as_str()) || in_fhir(),
            Some(_) => false,
        };
        Self { namespace, name, known }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TypeOperator {
    Is,
    As,
    OfType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Multiply,
    Divide,
    Div,
    Mod,
    Add,
    Subtract,
    Concatenate,
    Union,
    LessOrEqual,
    Less,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    Equivalent,
    NotEquivalent,
    In,
    Contains,
    And,
    Or,
    Xor,
    Implies,
}

impl Operator {
    /// Every operator with its sign and how tightly it binds.
    pub(super) const TABLE: [(&'static str, Self, u8); 22] = [
        ("*", Self::Multiply, 10),
        ("/", Self::Divide, 10),
        ("div", Self::Div, 10),
        ("mod", Self::Mod, 10),
        ("+", Self::Add, 9),
        ("-", Self::Subtract, 9),
        ("&", Self::Concatenate, 9),
        ("|", Self::Union, 7),
        ("<=", Self::LessOrEqual, 6),
        ("<", Self::Less, 6),
        (">", Self::Greater, 6),
        (">=", Self::GreaterOrEqual, 6),
        ("=", Self::Equal, 5),
        ("!=", Self::NotEqual, 5),
        ("~", Self::Equivalent, 5),
        ("!~", Self::NotEquivalent, 5),
        ("in", Self::In, 4),
        ("contains", Self::Contains, 4),
        ("and", Self::And, 3),
        ("or", Self::Or, 2),
        ("xor", Self::Xor, 2),
        ("implies", Self::Implies, 1),
    ];

    /// How tightly `is` and `as` bind: between the sum and the union.
    pub(super) const TYPE_STRENGTH: u8 = 8;

    fn sign(self) -> &'static str {
        Self::TABLE.iter().find(|row| row.1 == self).map_or("?", |row| row.0)
    }
}

/// The calendar units with their plurals.
pub(super) const CALENDAR_UNITS: [(&str, &str); 8] = [
    ("year", "years"),
    ("month", "months"),
    ("week", "weeks"),
    ("day", "days"),
    ("hour", "hours"),
    ("minute", "minutes"),
    ("second", "seconds"),
    ("millisecond", "milliseconds"),
];

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("{}"),
            Self::Literal(literal) => literal.fmt(f),
            Self::This => f.write_str("$this"),
            Self::Index => f.write_str("$index"),
            Self::Total => f.write_str("$total"),
            Self::Variable(name) => {
                f.write_str("%")?;
                write_quoted(f, name, '`')
            }
            Self::Member { base, member } => {
                write_base(f, base.as_deref())?;
                write_name(f, member.name())
            }
            Self::Indexer { base, index } => write!(f, "{}[{index}]", Operand(base)),
            Self::Call { base, function, arguments } => {
                write_base(f, base.as_deref())?;
                write!(f, "{}(", function.name())?;
                for (at, argument) in arguments.iter().enumerate() {
                    write!(f, "{}{argument}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Self::Typed { base, operator, name } => {
                write_base(f, base.as_deref())?;
                let operator = match operator {
                    TypeOperator::Is => "is",
                    TypeOperator::As => "as",
                    TypeOperator::OfType => "ofType",
                };
                write!(f, "{operator}({name})")
            }
            Self::Negate(operand) => write!(f, "-{}", Operand(operand)),
            Self::Plus(operand) => write!(f, "+{}", Operand(operand)),
            Self::Binary { operator, left, right } => {
                write!(f, "{} {} {}", Operand(left), operator.sign(), Operand(right))
            }
        }
    }
}

fn write_base(f: &mut Formatter<'_>, base: Option<&Expr>) -> fmt::Result {
    match base {
        Some(base) => write!(f, "{}.", Operand(base)),
        None => Ok(()),
    }
}

/// An expression in a place where operators, signs and literals with a unit need brackets.
struct Operand<'e>(&'e Expr);

impl Display for Operand<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Expr::Binary { .. }
            | Expr::Negate(_)
            | Expr::Plus(_)
            | Expr::Literal(Literal::Quantity { .. }) => {
                write!(f, "({})", self.0)
            }
            plain => plain.fmt(f),
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::String(text) => write_quoted(f, text, '\''),
            Self::Integer(value) => value.fmt(f),
            Self::Decimal(value) => value.fmt(f),
            Self::Date(value) => write!(f, "@{value}"),
            // A bare date needs the `T` to stay a dateTime.
            Self::DateTime(value) if value.time.is_none() => write!(f, "@{value}T"),
            Self::DateTime(value) => write!(f, "@{value}"),
            Self::Time(value) => write!(f, "@T{value}"),
            Self::Quantity { value, unit: Unit::Ucum(unit) } => {
                write!(f, "{value} ")?;
                write_quoted(f, unit, '\'')
            }
            Self::Quantity { value, unit: Unit::Calendar(unit) } => write!(f, "{value} {unit}"),
        }
    }
}

impl Display for TypeName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write_name(f, namespace)?;
            f.write_str(".")?;
        }
        write_name(f, &self.name)
    }
}

/// Words that must stand in backticks to be read as names.
const KEYWORDS: [&str; 12] =
    ["and", "or", "xor", "implies", "div", "mod", "true", "false", "is", "as", "in", "contains"];

fn write_name(f: &mut Formatter<'_>, name: &str) -> fmt::Result {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !KEYWORDS.contains(&name);
    if plain { f.write_str(name) } else { write_quoted(f, name, '`') }
}

fn write_quoted(f: &mut Formatter<'_>, text: &str, quote: char) -> fmt::Result {
    write!(f, "{quote}")?;
    for char in text.chars() {
        match char {
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\u{c}' => f.write_str("\\f")?,
            '\\' => f.write_str("\\\\")?,
            char if char == quote => write!(f, "\\{quote}")?,
            char => write!(f, "{char}")?,
        }
    }
    write!(f, "{quote}")
}
