//! Tokens to an expression, by precedence climbing.
//!
//! Source: FHIRPath N1 (ANSI/HL7 NMN1-2020) appendix B, the grammar.

use super::function::Function;
use super::lexer::{Token, TokenKind, tokens};
use super::member::Member;
use super::syntax::{CALENDAR_UNITS, Expr, Literal, Operator, TypeName, TypeOperator, Unit};
use super::temporal::{Date, DateTime, Time};
use super::{Bounds, PathError};
use compact_str::CompactString;
use rust_decimal::Decimal;

/// Parses a whole expression.
pub(super) fn parse(text: &str, bounds: &Bounds) -> Result<Expr, PathError> {
    if text.len() > bounds.expression_bytes_max {
        return Err(PathError::syntax(0, "the expression is too long"));
    }
    let tokens = tokens(text, bounds.tokens_max)?;
    let mut parser =
        Parser { tokens: &tokens, at: 0, end: text.len(), nesting: 0, depth_max: bounds.depth_max };
    let deep = parser.expression(0)?;
    match parser.peek() {
        None => Ok(deep.expr),
        Some(_) => Err(parser.wrong("the expression should end here")),
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    end: usize,
    nesting: usize,
    depth_max: usize,
}

/// An expression and the height of its tree: everything that walks it recurses this deep.
struct Deep {
    expr: Expr,
    depth: usize,
}

impl Deep {
    const fn leaf(expr: Expr) -> Self {
        Self { expr, depth: 1 }
    }
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<&'t TokenKind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn offset(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |token| token.offset)
    }

    fn wrong(&self, what: &'static str) -> PathError {
        PathError::syntax(self.offset(), what)
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(TokenKind::Sign(found)) if *found == sign);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, sign: &str, what: &'static str) -> Result<(), PathError> {
        if self.sign(sign) { Ok(()) } else { Err(self.wrong(what)) }
    }

    /// The sign or keyword at hand, where an operator may stand.
    fn operator_text(&self) -> Option<&'t str> {
        match self.peek()? {
            TokenKind::Sign(sign) => Some(sign),
            TokenKind::Word(word) => Some(word),
            _ => None,
        }
    }

    fn deepen(&self, depth: usize) -> Result<usize, PathError> {
        if depth >= self.depth_max {
            Err(self.wrong("the expression is nested too deeply"))
        } else {
            Ok(depth + 1)
        }
    }

    fn expression(&mut self, strength_min: u8) -> Result<Deep, PathError> {
        self.nesting = self.deepen(self.nesting)?;
        let mut left = self.signed()?;
        while let Some(text) = self.operator_text() {
            if text == "is" || text == "as" {
                if Operator::TYPE_STRENGTH < strength_min {
                    break;
                }
                self.at += 1;
                let operator = if text == "is" { TypeOperator::Is } else { TypeOperator::As };
                let name = self.type_name()?;
                let depth = self.deepen(left.depth)?;
                left = Deep { expr: Expr::Typed { base: Some(Box::new(left.expr)), operator, name }, depth };
                continue;
            }
            let Some((_, operator, strength)) = Operator::TABLE.into_iter().find(|row| row.0 == text) else {
                break;
            };
            if strength < strength_min {
                break;
            }
            self.at += 1;
            let right = self.expression(strength + 1)?;
            let depth = self.deepen(left.depth.max(right.depth))?;
            let (left_expr, right_expr) = (Box::new(left.expr), Box::new(right.expr));
            left = Deep { expr: Expr::Binary { operator, left: left_expr, right: right_expr }, depth };
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn signed(&mut self) -> Result<Deep, PathError> {
        let mut signs = Vec::new();
        loop {
            if self.sign("-") {
                signs.push(true);
            } else if self.sign("+") {
                signs.push(false);
            } else {
                break;
            }
            self.deepen(signs.len())?;
        }
        let mut operand = self.invocations()?;
        for negative in signs.into_iter().rev() {
            let depth = self.deepen(operand.depth)?;
            let inner = Box::new(operand.expr);
            operand = Deep { expr: if negative { Expr::Negate(inner) } else { Expr::Plus(inner) }, depth };
        }
        Ok(operand)
    }

    fn invocations(&mut self) -> Result<Deep, PathError> {
        let mut base = self.term()?;
        loop {
            if self.sign(".") {
                let name = self.name().ok_or_else(|| self.wrong("a name must follow the point"))?;
                base = self.invocation(Some(base), name)?;
            } else if self.sign("[") {
                let index = self.expression(0)?;
                self.expect("]", "`]` is missing")?;
                let depth = self.deepen(base.depth.max(index.depth))?;
                base = Deep {
                    expr: Expr::Indexer { base: Box::new(base.expr), index: Box::new(index.expr) },
                    depth,
                };
            } else {
                return Ok(base);
            }
        }
    }

    /// A name where one is called for; keywords are names there, and `$this` after a point is not.
    fn name(&mut self) -> Option<CompactString> {
        let (TokenKind::Word(name) | TokenKind::Quoted(name)) = self.peek()? else { return None };
        self.at += 1;
        Some(name.clone())
    }

    fn term(&mut self) -> Result<Deep, PathError> {
        let Some(kind) = self.peek() else { return Err(self.wrong("something is missing at the end")) };
        let literal = match kind {
            TokenKind::Sign("(") => {
                self.at += 1;
                let inner = self.expression(0)?;
                self.expect(")", "`)` is missing")?;
                return Ok(inner);
            }
            TokenKind::Sign("{") => {
                self.at += 1;
                self.expect("}", "`}` is missing")?;
                return Ok(Deep::leaf(Expr::Empty));
            }
            TokenKind::Special(name) => {
                let expr = match name.as_str() {
                    "this" => Expr::This,
                    "index" => Expr::Index,
                    "total" => Expr::Total,
                    _ => return Err(self.wrong("only `$this`, `$index` and `$total` exist")),
                };
                self.at += 1;
                return Ok(Deep::leaf(expr));
            }
            TokenKind::Variable(name) => {
                self.at += 1;
                return Ok(Deep::leaf(Expr::Variable(name.clone())));
            }
            TokenKind::Word(word) if word == "true" || word == "false" => Literal::Boolean(word == "true"),
            TokenKind::Word(word) if is_reserved(word) => {
                return Err(self.wrong("an operator cannot stand here"));
            }
            TokenKind::Word(name) | TokenKind::Quoted(name) => {
                self.at += 1;
                return self.invocation(None, name.clone());
            }
            TokenKind::String(text) => Literal::String(text.clone()),
            TokenKind::Number(digits) => return self.number(digits),
            TokenKind::Temporal(text) => {
                temporal(text).ok_or_else(|| self.wrong("this is no date or time"))?
            }
            TokenKind::Sign(_) => return Err(self.wrong("an operator cannot stand here")),
        };
        self.at += 1;
        Ok(Deep::leaf(Expr::Literal(literal)))
    }

    fn number(&mut self, digits: &str) -> Result<Deep, PathError> {
        let too_large = || PathError::syntax(self.offset(), "the number has too many digits");
        let decimal = Decimal::from_str_exact(digits).map_err(|_| too_large())?;
        let plain = if digits.contains('.') {
            Literal::Decimal(decimal)
        } else {
            Literal::Integer(digits.parse().map_err(|_| too_large())?)
        };
        self.at += 1;
        let unit = match self.peek() {
            Some(TokenKind::String(unit)) => Some(Unit::Ucum(unit.clone())),
            Some(TokenKind::Word(word)) => CALENDAR_UNITS
                .into_iter()
                .find(|(singular, plural)| word == singular || word == plural)
                .map(|(singular, _)| Unit::Calendar(singular)),
            _ => None,
        };
        let literal = match unit {
            Some(unit) => {
                self.at += 1;
                Literal::Quantity { value: decimal, unit }
            }
            None => plain,
        };
        Ok(Deep::leaf(Expr::Literal(literal)))
    }

    /// A member or a call; its name has been taken.
    fn invocation(&mut self, base: Option<Deep>, name: CompactString) -> Result<Deep, PathError> {
        let offset = self.tokens.get(self.at.saturating_sub(1)).map_or(0, |token| token.offset);
        let mut depth = base.as_ref().map_or(0, |base| base.depth);
        let base = base.map(|base| Box::new(base.expr));
        if !self.sign("(") {
            let depth = self.deepen(depth)?;
            return Ok(Deep { expr: Expr::Member { base, member: Member::new(name) }, depth });
        }
        let type_operator = match name.as_str() {
            "is" => Some(TypeOperator::Is),
            "as" => Some(TypeOperator::As),
            "ofType" => Some(TypeOperator::OfType),
            _ => None,
        };
        if let Some(operator) = type_operator {
            let name = self.type_name()?;
            self.expect(")", "`)` is missing")?;
            let depth = self.deepen(depth)?;
            return Ok(Deep { expr: Expr::Typed { base, operator, name }, depth });
        }
        let Some((function, counts)) = Function::find(&name) else {
            return Err(PathError::syntax(offset, "no function has this name"));
        };
        let mut arguments = Vec::new();
        if !self.sign(")") {
            loop {
                let argument = self.argument(function)?;
                depth = depth.max(argument.depth);
                arguments.push(argument.expr);
                if self.sign(")") {
                    break;
                }
                self.expect(",", "`,` or `)` is missing")?;
                if arguments.len() >= *counts.end() {
                    return Err(PathError::syntax(offset, "the function has too many arguments"));
                }
            }
        }
        if !counts.contains(&arguments.len()) {
            return Err(PathError::syntax(offset, "the function has the wrong number of arguments"));
        }
        let depth = self.deepen(depth)?;
        Ok(Deep { expr: Expr::Call { base, function, arguments }, depth })
    }

    /// An argument; a sort key may have `asc` or `desc` after it, which is kept as the sign of the key.
    fn argument(&mut self, function: Function) -> Result<Deep, PathError> {
        let argument = self.expression(0)?;
        if function == Function::Sort {
            match self.peek() {
                Some(TokenKind::Word(word)) if word == "desc" => {
                    self.at += 1;
                    let depth = self.deepen(argument.depth)?;
                    return Ok(Deep { expr: Expr::Negate(Box::new(argument.expr)), depth });
                }
                Some(TokenKind::Word(word)) if word == "asc" => self.at += 1,
                _ => {}
            }
        }
        Ok(argument)
    }

    fn type_name(&mut self) -> Result<TypeName, PathError> {
        let first = self.name().ok_or_else(|| self.wrong("a type's name is missing"))?;
        if !self.sign(".") {
            return Ok(TypeName::new(None, first));
        }
        let name = self.name().ok_or_else(|| self.wrong("a type's name is missing"))?;
        Ok(TypeName::new(Some(first), name))
    }
}

/// Words that are operators only; `is`, `as`, `in` and `contains` may also be names.
fn is_reserved(word: &str) -> bool {
    matches!(word, "and" | "or" | "xor" | "implies" | "div" | "mod")
}

fn temporal(text: &str) -> Option<Literal> {
    if let Some(time) = text.strip_prefix('T') {
        return Time::parse(time).map(Literal::Time);
    }
    match text.strip_suffix('T') {
        Some(date) => {
            Date::parse(date).map(|date| Literal::DateTime(DateTime { date, time: None, offset_min: None }))
        }
        None if text.contains('T') => DateTime::parse(text).map(Literal::DateTime),
        None => Date::parse(text).map(Literal::Date),
    }
}
