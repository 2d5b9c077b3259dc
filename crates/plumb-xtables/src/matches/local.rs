//! Matches on this machine's own state: `owner`, `socket`, `rpfilter`, `cgroup`, `cpu`, `devgroup`, `realm`.

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::{Options, quoted};
use crate::types::{Inv, Masked, Range32, SetNames, XtFamily};

/// `struct xt_owner_match_info`: the socket that sends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// There is a socket.
    pub socket_exists: Option<Inv<()>>,
    /// User of the socket's file.
    pub uid: Option<Inv<Range32>>,
    /// Group of the socket's file.
    pub gid: Option<Inv<Range32>>,
    /// `gid` may be one of the supplementary groups.
    pub suppl_groups: bool,
}

impl Extension for Owner {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 1 {
            return Err(BlobError::Revision(revision));
        }
        let uid = Range32 { min: b.u32()?, max: b.u32()? };
        let gid = Range32 { min: b.u32()?, max: b.u32()? };
        let (flags, inv) = (b.u8()?, b.u8()?);
        if flags & !0xf != 0 {
            return Err(BlobError::Value { field: "match", value: flags.into() });
        }
        let pick = |bit: u8, r| (flags & bit != 0).then_some(Inv::new(r, inv & bit != 0));
        Ok(Self {
            socket_exists: (flags & 4 != 0).then_some(Inv::new((), inv & 4 != 0)),
            uid: pick(1, uid),
            gid: pick(2, gid),
            suppl_groups: flags & 8 != 0,
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        if let Some(s) = &self.socket_exists {
            o.push(format!("{}--socket-exists", s.bang()));
        }
        o.inv("--uid-owner", self.uid.as_ref(), |r| r.text('-'));
        o.inv("--gid-owner", self.gid.as_ref(), |r| r.text('-'));
        o.flag(self.suppl_groups, "--suppl-groups").build()
    }
}

/// `struct xt_socket_mtinfo1`, `2`, `3`: an open socket takes the packet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Socket {
    /// One with `IP_TRANSPARENT`.
    pub transparent: bool,
    /// Sockets bound to no address count too; without it they do not.
    pub nowildcard: bool,
    /// The packet gets the socket's mark.
    pub restore_skmark: bool,
}

impl Extension for Socket {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        let flags = match revision {
            0 => 0,
            1..=3 => b.u8()?,
            _ => return Err(BlobError::Revision(revision)),
        };
        if flags & !7 != 0 {
            return Err(BlobError::Value { field: "flags", value: flags.into() });
        }
        Ok(Self { transparent: flags & 1 != 0, nowildcard: flags & 2 != 0, restore_skmark: flags & 4 != 0 })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        o.flag(self.transparent, "--transparent").flag(self.nowildcard, "--nowildcard");
        o.flag(self.restore_skmark, "--restore-skmark").build()
    }
}

/// `struct xt_rpfilter_info`: an answer would leave by the interface that the packet came in by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rpfilter {
    /// Any interface will do.
    pub loose: bool,
    /// The packet's mark is used in the look-up.
    pub valid_mark: bool,
    /// Packets from local addresses are let pass.
    pub accept_local: bool,
    /// Holds when the test fails.
    pub invert: bool,
}

impl Extension for Rpfilter {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let flags = b.u8()?;
        if flags & !0xf != 0 {
            return Err(BlobError::Value { field: "flags", value: flags.into() });
        }
        let has = |bit: u8| flags & bit != 0;
        Ok(Self { loose: has(1), valid_mark: has(2), accept_local: has(4), invert: has(8) })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        o.flag(self.loose, "--loose").flag(self.valid_mark, "--validmark");
        o.flag(self.accept_local, "--accept-local").flag(self.invert, "--invert").build()
    }
}

/// How a control group is named.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CgroupSelector {
    /// Path in the version 2 hierarchy; descendants count.
    Path(String),
    /// Class of `net_cls`.
    ClassId(u32),
}

/// `struct xt_cgroup_info_v0`, `v1`, `v2`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cgroup(pub Inv<CgroupSelector>);

impl Extension for Cgroup {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision == 0 {
            let id = b.u32()?;
            return Ok(Self(Inv::new(CgroupSelector::ClassId(id), b.u32()? != 0)));
        }
        let (has_path, has_class) = (b.flag8()?, b.flag8()?);
        let (inv_path, inv_class) = (b.flag8()?, b.flag8()?);
        if has_path == has_class {
            return Err(BlobError::Value { field: "has_path", value: has_path.into() });
        }
        let path_len = match revision {
            1 => 4096,
            2 => 512,
            _ => return Err(BlobError::Revision(revision)),
        };
        if has_path {
            return Ok(Self(Inv::new(CgroupSelector::Path(b.string(path_len)?), inv_path)));
        }
        if revision == 1 {
            b.skip(path_len)?; // the class follows the path there; in revision 2 they share their place
        }
        Ok(Self(Inv::new(CgroupSelector::ClassId(b.u32()?), inv_class)))
    }

    fn options(&self, _: &dyn SetNames) -> String {
        match &self.0.value {
            CgroupSelector::Path(p) => format!("{}--path {}", self.0.bang(), quoted(p)),
            CgroupSelector::ClassId(id) => format!("{}--cgroup {id}", self.0.bang()),
        }
    }
}

/// `struct xt_cpu_info`: the processor that handles the packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cpu(pub Inv<u32>);

impl Extension for Cpu {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let cpu = b.u32()?;
        Ok(Self(Inv::new(cpu, b.u32()? != 0)))
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("{}--cpu {}", self.0.bang(), self.0.value)
    }
}

/// `struct xt_devgroup_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Devgroup {
    /// Group of the interface that the packet came in by.
    pub src: Option<Inv<Masked>>,
    /// Group of the interface that it leaves by.
    pub dst: Option<Inv<Masked>>,
}

impl Extension for Devgroup {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let flags = b.u32()?;
        let src = Masked { value: b.u32()?, mask: b.u32()? };
        let dst = Masked { value: b.u32()?, mask: b.u32()? };
        let pick = |bit: u32, m| (flags & bit != 0).then_some(Inv::new(m, flags & bit << 1 != 0));
        Ok(Self { src: pick(1, src), dst: pick(4, dst) })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        o.inv("--src-group", self.src.as_ref(), |m| m.text());
        o.inv("--dst-group", self.dst.as_ref(), |m| m.text()).build()
    }
}

/// `struct xt_realm_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Realm(pub Inv<Masked>);

impl Extension for Realm {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let realm = Masked { value: b.u32()?, mask: b.u32()? };
        Ok(Self(Inv::new(realm, b.flag8()?)))
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("{}--realm {}", self.0.bang(), self.0.value.text())
    }
}
