//! nftables by netlink: a table a family, whose chains are constant and whose sets hold the Services.
//!
//! Sets choose the class of a frontend, sets choose how many endpoints it has, maps hold the endpoints; all are plain elements.
//! No element carries a verdict, so that the kernel has nothing to validate when one changes: a change costs microseconds however
//! many Services there are. Services with affinity are the exception ([`affinity`]).
//!
//! | file | what |
//! |---|---|
//! | `frame` | the chains and their rules |
//! | `sets` | the sets and maps: names, types, keys |
//! | `elements`, `slots` | a frontend as elements; which endpoint is in which slot |
//! | `affinity` | chains and sets of Services whose clients come back |
//! | `transaction` | units of work to one transaction, errors back to units |
//! | `units` | what is to be done, by the smallest thing that can be left out |
//! | `fill` | a new table, step by step |
//! | `commit` | units to the kernel, and what it refuses |
//! | `sync` | first sync, changes, verification |
//! | `compare` | what the kernel holds against what it should |
//! | `held` | what it holds of one Service, for people |
//! | `build`, `userdata` | rules and what `nft` keeps beside them |

mod affinity;
mod build;
mod commit;
mod compare;
mod elements;
mod fill;
mod frame;
mod held;
mod sets;
mod slots;
mod sync;
mod transaction;
mod units;
mod userdata;

pub use compare::Difference;
pub use frame::{FrameConfig, LocalDetector, TABLE, table_key};
pub(crate) use held::Kernel;
pub use sync::{NftError, Nftables, Refused, Settings, Synced};
