//! Matches whose argument is a name or a remark: `comment`, `helper`, `nfacct`, `connlabel`.

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError, BlobWriter};
use crate::extension::Extension;
use crate::text::quoted;
use crate::types::{Inv, SetNames, XtFamily};

/// `struct xt_comment_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Comment(pub String);

const COMMENT_LEN: usize = 256;

impl Extension for Comment {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        b.string(COMMENT_LEN).map(Self)
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("--comment {}", quoted(&self.0))
    }

    fn encode(&self, revision: u32, _: XtFamily) -> Result<Option<Vec<u8>>, String> {
        if revision != 0 {
            return Ok(None);
        }
        let w = BlobWriter::default().string(&self.0, COMMENT_LEN);
        w.map(|w| Some(w.finish(COMMENT_LEN)))
            .ok_or_else(|| "a comment has at most 255 bytes, none of them 0".into())
    }
}

/// `struct xt_helper_info`: the connection has (or was expected by) this helper; an empty name stands for any.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Helper(pub Inv<String>);

impl Extension for Helper {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let invert = b.u32()? != 0;
        Ok(Self(Inv::new(b.string(30)?, invert)))
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("{}--helper {}", self.0.bang(), quoted(&self.0.value))
    }
}

/// `struct xt_nfacct_match_info`: counts into an accounting object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Nfacct(pub String);

impl Extension for Nfacct {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision > 1 {
            return Err(BlobError::Revision(revision));
        }
        b.string(32).map(Self)
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("--nfacct-name  {}", quoted(&self.0)) // iptables 1.8.9 prints two spaces
    }
}

/// `struct xt_connlabel_mtinfo`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Connlabel {
    /// Number of the label.
    pub bit: Inv<u16>,
    /// The label is set on the connection.
    pub set: bool,
}

impl Extension for Connlabel {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let (bit, options) = (b.u16()?, b.u16()?);
        Ok(Self { bit: Inv::new(bit, options & 1 != 0), set: options & 2 != 0 })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        // iptables prints the name of /etc/xtables/connlabel.conf where it has one.
        let set = if self.set { " --set" } else { "" };
        format!("{}--label \"{}\"{set}", self.bit.bang(), self.bit.value)
    }
}
