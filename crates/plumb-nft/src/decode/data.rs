//! Values and verdicts (`NFTA_DATA_*`, `NFTA_VERDICT_*`).

use super::fields::Fields;
use crate::nlattr::{Attr, DecodeError};
use crate::types::{Bytes, ChainRef, Data, Verdict};
use crate::uapi;

const WHAT: &str = "data";

/// A value or a verdict.
pub(super) fn data(attr: Attr<'_>) -> Result<Data, DecodeError> {
    let f = Fields::read(attr.data, WHAT, uapi::data::VERDICT)?;
    if let Some(odd) = f.strange.first() {
        return Err(DecodeError::Size { what: WHAT, attribute: odd.number, want: 0, got: odd.data.len() });
    }
    match f.get(uapi::data::VERDICT) {
        Some(v) => verdict(v).map(Data::Verdict),
        None => Ok(Data::Value(f.need(uapi::data::VALUE, "NFTA_DATA_VALUE")?.data.into())),
    }
}

/// A value; verdicts are refused.
pub(super) fn value(attr: Attr<'_>) -> Result<Bytes, DecodeError> {
    match data(attr)? {
        Data::Value(bytes) => Ok(bytes),
        Data::Verdict(_) => Err(DecodeError::Missing { what: WHAT, attribute: "NFTA_DATA_VALUE" }),
    }
}

fn verdict(attr: Attr<'_>) -> Result<Verdict, DecodeError> {
    let f = Fields::read(attr.data, "verdict", uapi::verdict::CHAIN_ID)?;
    let code = f.need_be32(uapi::verdict::CODE, "NFTA_VERDICT_CODE")?;
    let target = || match (f.text(uapi::verdict::CHAIN), f.be32(uapi::verdict::CHAIN_ID)?) {
        (Some(name), _) => Ok(ChainRef::Name(name)),
        (None, Some(id)) => Ok(ChainRef::Id(id)),
        (None, None) => Err(DecodeError::Missing { what: "verdict", attribute: "NFTA_VERDICT_CHAIN" }),
    };
    Ok(match code.cast_signed() {
        -3 => Verdict::Jump(target()?),
        -4 => Verdict::Goto(target()?),
        code => verdict_code(code),
    })
}

/// Verdicts without a chain (`NF_*` in include/uapi/linux/netfilter.h, `NFT_*` in nf_tables.h).
pub(super) fn verdict_code(code: i32) -> Verdict {
    match code {
        0 => Verdict::Drop,
        1 => Verdict::Accept,
        -1 => Verdict::Continue,
        -2 => Verdict::Break,
        -5 => Verdict::Return,
        n if n >= 0 && n & 0xff == 3 => Verdict::Queue(n.cast_unsigned()),
        n => Verdict::Unknown(n),
    }
}
