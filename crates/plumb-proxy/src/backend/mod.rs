//! What programs the kernel. Each kind of backend takes the same intent.

pub mod nftables;
