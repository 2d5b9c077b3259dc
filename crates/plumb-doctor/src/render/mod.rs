//! Reports as people and programs read them.

pub mod junit;
pub mod terminal;
