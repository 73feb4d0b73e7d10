//! ORU, OUL and orders: to come.

use crate::hl7v2::MapError;
use crate::hl7v2::context::Context;

/// Not yet.
pub(crate) fn map(_context: &mut Context<'_, '_>) -> Result<(), MapError> {
    Err(MapError::NoOrder)
}
