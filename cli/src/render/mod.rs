//! Answers as text. Nothing here calls anything.

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod keys;
pub(crate) mod policy;
pub(crate) mod secret;
pub(crate) mod status;
