//! What is wrong with a message or a name.

/// Why bytes are no message, or a name none for one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DnsError {
    /// It ends before it is whole.
    #[error("the message ends in the middle of its {0}")]
    Short(&'static str),
    /// A pointer of a compressed name leads forward or round in a circle (RFC 1035, 4.1.4).
    #[error("a compressed name points forward, or to itself")]
    Pointer,
    /// A label or a name is too long, or empty in the middle.
    #[error("`{0}` is no name for DNS: labels have 1 to 63 bytes, names 255 at most")]
    Name(String),
    /// A record's data does not have the length that its type takes.
    #[error("a record of type {0} has data of a wrong length")]
    Data(u16),
}
