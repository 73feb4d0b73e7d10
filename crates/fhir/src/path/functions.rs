//! The functions, by what they work on.

mod boundary;
mod codes;
mod collections;
mod convert;
mod elements;
mod numbers;
mod text;

pub(crate) use elements::in_bundle;

use super::collection::Items;
use super::evaluate::{Evaluator, Result, Scope, evaluation};
use super::function::Function;
use super::item::Item;
use super::syntax::Expr;
use super::temporal::DateTime;

/// A call ready to be answered: what it is called on, its arguments and where they stand.
pub(super) struct Call<'e, 's, 'a, 'c> {
    pub(super) evaluator: &'e Evaluator<'a, 'c>,
    pub(super) function: Function,
    pub(super) input: Items<'a>,
    pub(super) arguments: &'a [Expr],
    pub(super) scope: &'e Scope<'s, 'a>,
}

impl<'a> Call<'_, '_, 'a, '_> {
    /// An argument's value, evaluated where the call stands; empty when it was not given.
    pub(super) fn argument(&self, index: usize) -> Result<Items<'a>> {
        match self.arguments.get(index) {
            Some(argument) => self.evaluator.scoped(argument, self.scope),
            None => Ok(Items::Empty),
        }
    }

    pub(super) fn text_argument(&self, index: usize) -> Result<Option<std::borrow::Cow<'a, str>>> {
        self.evaluator.text(&self.argument(index)?, self.function.name())
    }

    pub(super) fn integer_argument(&self, index: usize) -> Result<Option<i64>> {
        self.evaluator.integer(&self.argument(index)?, self.function.name())
    }
}

impl<'a> Evaluator<'a, '_> {
    pub(super) fn call(
        &self,
        function: Function,
        input: Items<'a>,
        arguments: &'a [Expr],
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>> {
        use Function as F;
        self.charge(input.len())?;
        let call = Call { evaluator: self, function, input, arguments, scope };
        let result = match function {
            F::ToBoolean
            | F::ConvertsToBoolean
            | F::ToInteger
            | F::ConvertsToInteger
            | F::ToLong
            | F::ConvertsToLong
            | F::ToDate
            | F::ConvertsToDate
            | F::ToDateTime
            | F::ConvertsToDateTime
            | F::ToTime
            | F::ConvertsToTime
            | F::ToDecimal
            | F::ConvertsToDecimal
            | F::ToQuantity
            | F::ConvertsToQuantity
            | F::ToString
            | F::ConvertsToString => convert::call(&call),
            F::IndexOf
            | F::LastIndexOf
            | F::Substring
            | F::StartsWith
            | F::EndsWith
            | F::Contains
            | F::Upper
            | F::Lower
            | F::Replace
            | F::Matches
            | F::MatchesFull
            | F::ReplaceMatches
            | F::Length
            | F::ToChars
            | F::Trim
            | F::Split
            | F::Join
            | F::Encode
            | F::Decode
            | F::Escape
            | F::Unescape => text::call(call),
            F::Abs
            | F::Ceiling
            | F::Exp
            | F::Floor
            | F::Ln
            | F::Log
            | F::Power
            | F::Round
            | F::Sqrt
            | F::Truncate
            | F::Sum
            | F::Min
            | F::Max
            | F::Avg => numbers::call(&call),
            F::LowBoundary | F::HighBoundary | F::Precision | F::Comparable => boundary::call(&call),
            F::YearOf
            | F::MonthOf
            | F::DayOf
            | F::HourOf
            | F::MinuteOf
            | F::SecondOf
            | F::MillisecondOf
            | F::TimezoneOffsetOf
            | F::DateOf
            | F::TimeOf => boundary::part(&call),
            F::Children
            | F::Descendants
            | F::HasValue
            | F::GetValue
            | F::Extension
            | F::Resolve
            | F::Type
            | F::ConformsTo
            | F::CheckModifiers
            | F::HtmlChecks => elements::call(call),
            F::Now | F::Today | F::TimeOfDay => self.present(function),
            F::MemberOf | F::Subsumes | F::SubsumedBy => codes::call(&call),
            _ => collections::call(call),
        }?;
        self.check_size(&result)?;
        Ok(result)
    }

    fn present(&self, function: Function) -> Result<Items<'a>> {
        let now = self
            .context
            .now
            .and_then(|(unix_ms, offset_min)| DateTime::from_milliseconds(unix_ms, offset_min));
        let Some(now) = now else { return Err(evaluation("the present is not known here")) };
        Ok(match function {
            Function::Today => Item::Date(now.date).into(),
            Function::TimeOfDay => now.time.map(Item::Time).into(),
            _ => Item::DateTime(now).into(),
        })
    }
}
