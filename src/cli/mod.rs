//! What a person types.

pub mod judge;
