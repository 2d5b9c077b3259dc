//! Requests that read a ruleset: type, flags and payload of each netlink message. The caller adds the `nlmsghdr`.

use crate::nlattr::Writer;
use crate::types::Family;
use crate::uapi::{SUBSYSTEM, elem_list, msg, obj, rule, set};

/// `NLM_F_REQUEST`
pub const NLM_F_REQUEST: u16 = 1;
/// `NLM_F_ACK`
pub const NLM_F_ACK: u16 = 4;
/// `NLM_F_DUMP`
pub const NLM_F_DUMP: u16 = 0x300;

/// One message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `nlmsg_type`.
    pub message_type: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// What follows the `nlmsghdr`.
    pub payload: Vec<u8>,
}

/// `nlmsg_type` of a message of nf_tables.
#[must_use]
pub fn message_type(message: u16) -> u16 {
    SUBSYSTEM << 8 | message
}

/// `nfgenmsg`: family, version 0, resource id.
pub(crate) fn nfgenmsg(family: u8, resource: u16) -> [u8; 4] {
    let [high, low] = resource.to_be_bytes();
    [family, 0, high, low]
}

fn dump(message: u16, family: Option<Family>, fill: impl FnOnce(&mut Writer)) -> Request {
    let mut w = Writer::new();
    w.raw(&nfgenmsg(family.map_or(0, Family::number), 0));
    fill(&mut w);
    Request {
        message_type: message_type(message),
        flags: NLM_F_REQUEST | NLM_F_DUMP,
        payload: w.into_bytes(),
    }
}

/// The generation id; one answer, no dump.
#[must_use]
pub fn generation() -> Request {
    Request { flags: NLM_F_REQUEST, ..dump(msg::GETGEN, None, |_| {}) }
}

/// All tables, of one family or of all.
#[must_use]
pub fn tables(family: Option<Family>) -> Request {
    dump(msg::GETTABLE, family, |_| {})
}

/// All chains.
#[must_use]
pub fn chains(family: Option<Family>) -> Request {
    dump(msg::GETCHAIN, family, |_| {})
}

/// All sets, without their elements.
#[must_use]
pub fn sets(family: Option<Family>) -> Request {
    dump(msg::GETSET, family, |_| {})
}

/// The elements of one set.
#[must_use]
pub fn elements(family: Family, table: &str, set: &str) -> Request {
    dump(msg::GETSETELEM, Some(family), |w| {
        w.text(elem_list::TABLE, table);
        w.text(elem_list::SET, set);
    })
}

/// All rules.
#[must_use]
pub fn rules(family: Option<Family>) -> Request {
    dump(msg::GETRULE, family, |_| {})
}

/// The rules of one table.
#[must_use]
pub fn rules_of_table(family: Family, table: &str) -> Request {
    dump(msg::GETRULE, Some(family), |w| w.text(rule::TABLE, table))
}

/// The sets of one table, without their elements.
#[must_use]
pub fn sets_of(family: Family, table: &str) -> Request {
    dump(msg::GETSET, Some(family), |w| w.text(set::TABLE, table))
}

/// The rules of one chain.
#[must_use]
pub fn rules_of(family: Family, table: &str, chain: &str) -> Request {
    dump(msg::GETRULE, Some(family), |w| {
        w.text(rule::TABLE, table);
        w.text(rule::CHAIN, chain);
    })
}

/// All stateful objects.
#[must_use]
pub fn objects(family: Option<Family>) -> Request {
    dump(msg::GETOBJ, family, |_| {})
}

/// The stateful objects of one table.
#[must_use]
pub fn objects_of(family: Family, table: &str) -> Request {
    dump(msg::GETOBJ, Some(family), |w| w.text(obj::TABLE, table))
}

/// All flowtables.
#[must_use]
pub fn flowtables(family: Option<Family>) -> Request {
    dump(msg::GETFLOWTABLE, family, |_| {})
}
