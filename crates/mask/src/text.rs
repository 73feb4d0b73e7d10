//! Text as the finders see it: a folded view with a way back, cut into tokens, in windows of bounded size.

pub(crate) mod fold;
pub(crate) mod token;
pub(crate) mod window;
