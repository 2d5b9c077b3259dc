//! `mark` (`xt_mark.h`) and `connmark` (`xt_connmark.h`), revision 1.

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError, BlobWriter};
use crate::extension::Extension;
use crate::types::{Inv, Masked, SetNames, XtFamily};

fn read(revision: u32, b: &mut Blob<'_>) -> Result<Inv<Masked>, BlobError> {
    if revision != 1 {
        return Err(BlobError::Revision(revision));
    }
    let mark = Masked { value: b.u32()?, mask: b.u32()? };
    Ok(Inv::new(mark, b.flag8()?))
}

fn write(revision: u32, m: &Inv<Masked>) -> Option<Vec<u8>> {
    let w = BlobWriter::default().u32(m.value.value).u32(m.value.mask).u8(m.invert.into());
    (revision == 1).then(|| w.finish(12))
}

fn text(m: &Inv<Masked>) -> String {
    format!("{}--mark {}", m.bang(), m.value.text())
}

/// `mark`: the packet's mark.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mark(pub Inv<Masked>);

impl Extension for Mark {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        read(revision, b).map(Self)
    }

    fn options(&self, _: &dyn SetNames) -> String {
        text(&self.0)
    }

    fn encode(&self, revision: u32, _: XtFamily) -> Result<Option<Vec<u8>>, String> {
        Ok(write(revision, &self.0))
    }
}

/// `connmark`: the connection's mark; fails for a packet without a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Connmark(pub Inv<Masked>);

impl Extension for Connmark {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        read(revision, b).map(Self)
    }

    fn options(&self, _: &dyn SetNames) -> String {
        text(&self.0)
    }

    fn encode(&self, revision: u32, _: XtFamily) -> Result<Option<Vec<u8>>, String> {
        Ok(write(revision, &self.0))
    }
}
