//! Reports as people and programs read them.

pub mod html;
pub mod junit;
pub mod terminal;
