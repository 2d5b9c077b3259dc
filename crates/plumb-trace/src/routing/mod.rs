//! Routing: policy rules, tables, source addresses, and what an incoming packet must satisfy.

mod fib;
mod input;
mod multipath;
mod output;
mod source;

pub(crate) use fib::{Fib, Found, LookupFailure, RouteQuery};
pub(crate) use input::InputRoute;
pub(crate) use multipath::{Ways, prefers_source};
pub(crate) use output::OutputRoute;
