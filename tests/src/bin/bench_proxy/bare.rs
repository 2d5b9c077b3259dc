//! What the kernel alone takes for elements, without anything around them.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use plumb_kernel::NamespaceWriter;
use plumb_nft::{Batch, ElementChange, ElementRef, Family, Set, Table, TableKey};
use plumb_tests::Result;
use plumb_tests::services::failed;

use super::{Times, namespace};

const MAP: &str = "map";

fn key() -> TableKey {
    TableKey { family: Family::Ip, name: "bare".into() }
}

/// Address, protocol, port and slot, each in four bytes.
fn element(number: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&Ipv4Addr::from_bits(0x0a60_0000 + number / 3).octets());
    bytes[4] = 6;
    bytes[8..10].copy_from_slice(&80u16.to_be_bytes());
    bytes[12..].copy_from_slice(&(number % 3).to_ne_bytes());
    bytes
}

fn elements(batch: &mut Batch, change: ElementChange, numbers: std::ops::Range<u32>) -> Result<()> {
    let all: Vec<_> = numbers.map(element).collect();
    let data = (change == ElementChange::Add).then_some([10, 0, 0, 1, 0x1f, 0x90, 0, 0]);
    let refs = all.iter().map(|key| ElementRef {
        key,
        data: data.as_ref().map(<[u8; 8]>::as_slice),
        ..ElementRef::default()
    });
    batch.elements(&key(), MAP, change, refs, usize::MAX).map(drop).map_err(failed("writing elements"))
}

fn add(count: usize) -> Result<Batch> {
    let mut batch = Batch::new(1, None);
    let table = Table::new(Family::Ip, &key().name);
    batch.add_table(&table).map_err(failed("writing a table"))?;
    let map = Set {
        name: MAP.into(),
        flags: Set::MAP,
        key_len: 16,
        data_type: Some(0),
        data_len: Some(8),
        ..Set::default()
    };
    batch.add_set(&key(), &map).map_err(failed("writing a map"))?;
    elements(&mut batch, ElementChange::Add, 0..u32::try_from(count).unwrap_or(u32::MAX))?;
    Ok(batch)
}

/// So many elements into a new map, in one transaction.
pub(super) fn fill(count: usize) -> Result<Duration> {
    let namespace = namespace()?;
    let path = format!("/run/netns/{}", namespace.name());
    let mut kernel = NamespaceWriter::open(path).map_err(failed("entering"))?;
    let batch = add(count)?;
    let began = Instant::now();
    kernel.nftables(batch).map_err(failed("filling a map"))?;
    Ok(began.elapsed())
}

/// One element of 10,000 goes and comes in one transaction.
pub(super) fn change() -> Result<Times> {
    let namespace = namespace()?;
    let path = format!("/run/netns/{}", namespace.name());
    let mut kernel = NamespaceWriter::open(path).map_err(failed("entering"))?;
    kernel.nftables(add(10_000)?).map_err(failed("filling a map"))?;
    let mut times = Times::default();
    for run in 0..1000u32 {
        let number = run * 7 % 10_000;
        let mut batch = Batch::new(1, None);
        elements(&mut batch, ElementChange::Delete, number..number + 1)?;
        elements(&mut batch, ElementChange::Add, number..number + 1)?;
        let began = Instant::now();
        kernel.nftables(batch).map_err(failed("changing a map"))?;
        times.0.push(began.elapsed());
    }
    Ok(times)
}
