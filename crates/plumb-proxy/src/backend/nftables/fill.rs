//! Filling a table that no packet meets yet.

use std::collections::BTreeMap;

use plumb_intent::{FrontendKey, Services};
use plumb_nft::{Chain, Table};

use super::sets::SetId;
use super::sync::{NftError, Nftables, Settings, Synced};
use super::transaction::{Start, Then, Unit};

/// Of so many frontends on, a new table is filled step by step.
pub(super) const MANY: usize = 1000;

/// Elements that a set takes in one transaction whatever it holds, and how many units' elements go together at most
/// where a unit can be split.
const FEW: usize = 64;

impl Nftables {
    /// Makes a table in several transactions, and at the end its base chains, so that packets meet it whole.
    /// The kernel's hash tables begin with four buckets and grow between transactions, by a worker: elements beyond a table's
    /// buckets take the slow way through all the tables that such a growth begins (`rhashtable_insert_slow`). So each
    /// transaction brings a set a third of what it holds.
    pub(super) fn build(
        &mut self,
        frame: Table,
        replaces: bool,
        services: &Services,
        affine: Vec<Unit>,
    ) -> Result<Synced, NftError> {
        let (base, regular): (Vec<Chain>, Vec<Chain>) =
            frame.chains.iter().cloned().partition(|c| c.base.is_some());
        let first = Table { chains: regular, ..frame.clone() };
        let last = Table { chains: base, sets: Vec::new(), ..frame };
        self.handle = 0;
        let mut synced = self.commit(Start::Make { frame: Box::new(first), replaces }, Vec::new())?;
        let mut held = BTreeMap::new();
        let common = [self.settings_unit(&Settings::default()), self.shared_unit()];
        let mut common = common.into_iter().flat_map(split);
        loop {
            let units = next(&mut common, &mut held);
            if units.is_empty() {
                break;
            }
            synced.and(self.commit(Start::Keep, units)?);
        }
        let mut frontends = services.frontends();
        loop {
            let unit = |(key, frontend): (&FrontendKey, _)| self.frontend_unit(*key, Some(frontend));
            let units = next(&mut frontends.by_ref().map(unit), &mut held);
            if units.is_empty() {
                break;
            }
            synced.and(self.commit(Start::Keep, units)?);
        }
        synced.and(self.commit(Start::Make { frame: Box::new(last), replaces: false }, affine)?);
        Ok(synced)
    }
}

/// Units that no set grows too fast by.
fn next(rest: &mut impl Iterator<Item = Unit>, held: &mut BTreeMap<SetId, usize>) -> Vec<Unit> {
    let mut coming: BTreeMap<SetId, usize> = BTreeMap::new();
    let mut units = Vec::new();
    let mut full = false;
    while !full && let Some(unit) = rest.next() {
        for op in &unit.ops {
            let count = coming.entry(op.set).or_default();
            *count += 1;
            let may = held.get(&op.set).map_or(FEW, |held| FEW.max(held / 3));
            full |= *count >= may && !op.set.is_interval();
        }
        units.push(unit);
    }
    for (set, count) in coming {
        *held.entry(set).or_default() += count;
    }
    units
}

/// A unit that stands for no object, in parts.
fn split(mut unit: Unit) -> Vec<Unit> {
    if !matches!(unit.then, Then::Nothing) || unit.ops.len() <= FEW {
        return vec![unit];
    }
    let ops = std::mem::take(&mut unit.ops);
    ops.chunks(FEW).map(|ops| Unit { ops: ops.to_vec(), ..unit.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::backend::nftables::elements;
    use crate::backend::nftables::transaction::Subject;

    #[test]
    fn nothing_is_lost_and_no_set_grows_by_more_than_a_third() {
        let ip = |i: u32| elements::cluster_ip(true, IpAddr::V4(Ipv4Addr::from_bits(0x0a60_0000 + i)));
        let unit = Nftables::plain_unit(Subject::Shared, (0..10_000).map(ip).collect());
        let mut rest = split(unit).into_iter();
        let (mut held, mut total, mut steps) = (BTreeMap::new(), 0usize, 0);
        loop {
            let units = next(&mut rest, &mut held);
            let came: usize = units.iter().map(|u| u.ops.len()).sum();
            if came == 0 {
                break;
            }
            assert!(came < FEW.max(total / 3) + FEW, "{came} after {total}");
            total += came;
            steps += 1;
        }
        assert_eq!((total, held.values().sum::<usize>()), (10_000, 10_000));
        assert!(steps < 30, "{steps}");
    }
}
