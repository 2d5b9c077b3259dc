//! Numbers of messages and attributes (include/uapi/linux/netfilter/nf_tables.h, Linux 6.18).

#![allow(missing_docs, reason = "the kernel's own names; the meaning stands in nf_tables.h")]

/// `NFNL_SUBSYS_NFTABLES`, the upper byte of a message type.
pub const SUBSYSTEM: u16 = 10;
/// `NFNL_MSG_BATCH_BEGIN`
pub const BATCH_BEGIN: u16 = 16;
/// `NFNL_MSG_BATCH_END`
pub const BATCH_END: u16 = 17;

/// Message numbers (`NFT_MSG_*`), the lower byte of a message type.
pub mod msg {
    pub const NEWTABLE: u16 = 0;
    pub const GETTABLE: u16 = 1;
    pub const DELTABLE: u16 = 2;
    pub const NEWCHAIN: u16 = 3;
    pub const GETCHAIN: u16 = 4;
    pub const DELCHAIN: u16 = 5;
    pub const NEWRULE: u16 = 6;
    pub const GETRULE: u16 = 7;
    pub const DELRULE: u16 = 8;
    pub const NEWSET: u16 = 9;
    pub const GETSET: u16 = 10;
    pub const DELSET: u16 = 11;
    pub const NEWSETELEM: u16 = 12;
    pub const GETSETELEM: u16 = 13;
    pub const DELSETELEM: u16 = 14;
    pub const NEWGEN: u16 = 15;
    pub const GETGEN: u16 = 16;
    pub const TRACE: u16 = 17;
    pub const NEWOBJ: u16 = 18;
    pub const GETOBJ: u16 = 19;
    pub const DELOBJ: u16 = 20;
    pub const GETOBJ_RESET: u16 = 21;
    pub const NEWFLOWTABLE: u16 = 22;
    pub const GETFLOWTABLE: u16 = 23;
    pub const DELFLOWTABLE: u16 = 24;
    pub const GETRULE_RESET: u16 = 25;
    pub const DESTROYTABLE: u16 = 26;
    pub const DESTROYCHAIN: u16 = 27;
    pub const DESTROYRULE: u16 = 28;
    pub const DESTROYSET: u16 = 29;
    pub const DESTROYSETELEM: u16 = 30;
    pub const DESTROYOBJ: u16 = 31;
    pub const DESTROYFLOWTABLE: u16 = 32;
    pub const GETSETELEM_RESET: u16 = 33;
}

mod exprs;

pub use exprs::*;

/// `NFTA_LIST_*`
pub mod list {
    pub const ELEM: u16 = 1;
}

/// `NFTA_HOOK_*`
pub mod hook {
    pub const HOOKNUM: u16 = 1;
    pub const PRIORITY: u16 = 2;
    pub const DEV: u16 = 3;
    pub const DEVS: u16 = 4;
}

/// `NFTA_TABLE_*`
pub mod table {
    pub const NAME: u16 = 1;
    pub const FLAGS: u16 = 2;
    pub const USE: u16 = 3;
    pub const HANDLE: u16 = 4;
    pub const PAD: u16 = 5;
    pub const USERDATA: u16 = 6;
    pub const OWNER: u16 = 7;
}

/// `NFTA_CHAIN_*`
pub mod chain {
    pub const TABLE: u16 = 1;
    pub const HANDLE: u16 = 2;
    pub const NAME: u16 = 3;
    pub const HOOK: u16 = 4;
    pub const POLICY: u16 = 5;
    pub const USE: u16 = 6;
    pub const TYPE: u16 = 7;
    pub const COUNTERS: u16 = 8;
    pub const PAD: u16 = 9;
    pub const FLAGS: u16 = 10;
    pub const ID: u16 = 11;
    pub const USERDATA: u16 = 12;
}

/// `NFTA_RULE_*`
pub mod rule {
    pub const TABLE: u16 = 1;
    pub const CHAIN: u16 = 2;
    pub const HANDLE: u16 = 3;
    pub const EXPRESSIONS: u16 = 4;
    pub const COMPAT: u16 = 5;
    pub const POSITION: u16 = 6;
    pub const USERDATA: u16 = 7;
    pub const PAD: u16 = 8;
    pub const ID: u16 = 9;
    pub const POSITION_ID: u16 = 10;
    pub const CHAIN_ID: u16 = 11;
}

/// `NFTA_RULE_COMPAT_*`
pub mod rule_compat {
    pub const PROTO: u16 = 1;
    pub const FLAGS: u16 = 2;
}

/// `NFTA_SET_DESC_*`
pub mod set_desc {
    pub const SIZE: u16 = 1;
    pub const CONCAT: u16 = 2;
}

/// `NFTA_SET_FIELD_*`
pub mod set_field {
    pub const LEN: u16 = 1;
}

/// `NFTA_SET_*`
pub mod set {
    pub const TABLE: u16 = 1;
    pub const NAME: u16 = 2;
    pub const FLAGS: u16 = 3;
    pub const KEY_TYPE: u16 = 4;
    pub const KEY_LEN: u16 = 5;
    pub const DATA_TYPE: u16 = 6;
    pub const DATA_LEN: u16 = 7;
    pub const POLICY: u16 = 8;
    pub const DESC: u16 = 9;
    pub const ID: u16 = 10;
    pub const TIMEOUT: u16 = 11;
    pub const GC_INTERVAL: u16 = 12;
    pub const USERDATA: u16 = 13;
    pub const PAD: u16 = 14;
    pub const OBJ_TYPE: u16 = 15;
    pub const HANDLE: u16 = 16;
    pub const EXPR: u16 = 17;
    pub const EXPRESSIONS: u16 = 18;
    pub const TYPE: u16 = 19;
    pub const COUNT: u16 = 20;
}

/// `NFTA_SET_ELEM_*`
pub mod elem {
    pub const KEY: u16 = 1;
    pub const DATA: u16 = 2;
    pub const FLAGS: u16 = 3;
    pub const TIMEOUT: u16 = 4;
    pub const EXPIRATION: u16 = 5;
    pub const USERDATA: u16 = 6;
    pub const EXPR: u16 = 7;
    pub const PAD: u16 = 8;
    pub const OBJREF: u16 = 9;
    pub const KEY_END: u16 = 10;
    pub const EXPRESSIONS: u16 = 11;
}

/// `NFTA_SET_ELEM_LIST_*`
pub mod elem_list {
    pub const TABLE: u16 = 1;
    pub const SET: u16 = 2;
    pub const ELEMENTS: u16 = 3;
    pub const SET_ID: u16 = 4;
}

/// `NFTA_DATA_*`
pub mod data {
    pub const VALUE: u16 = 1;
    pub const VERDICT: u16 = 2;
}

/// `NFTA_VERDICT_*`
pub mod verdict {
    pub const CODE: u16 = 1;
    pub const CHAIN: u16 = 2;
    pub const CHAIN_ID: u16 = 3;
}

/// `NFTA_EXPR_*`
pub mod expr {
    pub const NAME: u16 = 1;
    pub const DATA: u16 = 2;
}

/// `NFTA_SECMARK_*`
pub mod secmark {
    pub const CTX: u16 = 1;
}

/// `NFTA_GEN_*`
pub mod generation {
    pub const ID: u16 = 1;
    pub const PROC_PID: u16 = 2;
    pub const PROC_NAME: u16 = 3;
}

/// `NFTA_CT_HELPER_*`
pub mod ct_helper {
    pub const NAME: u16 = 1;
    pub const L3PROTO: u16 = 2;
    pub const L4PROTO: u16 = 3;
}

/// `NFTA_CT_TIMEOUT_*`
pub mod ct_timeout {
    pub const L3PROTO: u16 = 1;
    pub const L4PROTO: u16 = 2;
    pub const DATA: u16 = 3;
}

/// `NFTA_CT_EXPECT_*`
pub mod ct_expect {
    pub const L3PROTO: u16 = 1;
    pub const L4PROTO: u16 = 2;
    pub const DPORT: u16 = 3;
    pub const TIMEOUT: u16 = 4;
    pub const SIZE: u16 = 5;
}

/// `NFTA_OBJ_*`
pub mod obj {
    pub const TABLE: u16 = 1;
    pub const NAME: u16 = 2;
    pub const TYPE: u16 = 3;
    pub const DATA: u16 = 4;
    pub const USE: u16 = 5;
    pub const HANDLE: u16 = 6;
    pub const PAD: u16 = 7;
    pub const USERDATA: u16 = 8;
}

/// `NFTA_FLOWTABLE_*`
pub mod flowtable {
    pub const TABLE: u16 = 1;
    pub const NAME: u16 = 2;
    pub const HOOK: u16 = 3;
    pub const USE: u16 = 4;
    pub const HANDLE: u16 = 5;
    pub const PAD: u16 = 6;
    pub const FLAGS: u16 = 7;
}

/// `NFTA_FLOWTABLE_HOOK_*`
pub mod flowtable_hook {
    pub const NUM: u16 = 1;
    pub const PRIORITY: u16 = 2;
    pub const DEVS: u16 = 3;
}

/// `NFTA_DEVICE_*`
pub mod device {
    pub const NAME: u16 = 1;
    pub const PREFIX: u16 = 2;
}
