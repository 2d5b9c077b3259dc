//! Names and hardware addresses that are the same each time.

use plumb_model::Mac;

/// FNV-1a, 64 bits: no secret, only the same on every machine.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// `veth` and eight digits, as CNI plugins name the host's ends.
pub(super) fn veth(what: &str) -> String {
    format!("veth{:08x}", hash(what) >> 32)
}

/// A device name made of `what`: that itself where it fits (15 bytes), else its beginning and digits.
pub(crate) fn device(what: &str) -> String {
    if what.len() <= 15 {
        return what.to_owned();
    }
    let start: String = what.chars().take(6).collect();
    format!("{start}{:08x}", hash(what) >> 32)
}

/// A locally administered address.
pub(super) fn mac(lab: &str, namespace: &str, device: &str) -> Mac {
    let [a, b, c, d, e, ..] = hash(&format!("{lab}/{namespace}/{device}")).to_be_bytes();
    Mac([0x02, a, b, c, d, e])
}
