//! What a table holds of one Service, told for people: set by set, element by element, the chains that look them up, and the
//! shares that the kernel's own rules give to endpoints.
//!
//! | file | what |
//! |---|---|
//! | `index` | a table's elements by frontend, its rules by the sets that they look up |
//! | `infer` | what the rules that are there were made for |
//! | `frontend` | a frontend: elements, lists of endpoints, what is missing or stale |
//! | `draw` | shares from slots |
//! | `sticky` | chains and sets of affinity |
//! | `shared` | what is not a frontend's: frame, cluster IPs, hairpins |

mod draw;
mod frontend;
mod index;
mod infer;
mod shared;
mod sticky;

pub(crate) use index::Kernel;

#[cfg(test)]
mod tests;
