//! nftables, whole: one ruleset of one generation.

use plumb_model::Read;
use plumb_nft::request::{self, Request};
use plumb_nft::{Assembled, Assembler, Family, Ruleset, Table, TableKey};

use crate::error::{KernelError, Result};
use crate::netlink::{ATTEMPTS, Socket};

/// The ruleset, read again while it changes under the reading. `gaps` gets what found no place in it.
pub(crate) fn read(socket: &mut Socket, gaps: &mut Vec<String>) -> Result<Read<Ruleset>> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let (assembled, torn) = match once(socket) {
            Ok(read) => read,
            // A set that was listed is gone when its elements are asked for.
            Err(KernelError::Refused { errno: libc::ENOENT | libc::EINTR, .. }) => continue,
            Err(error) => return Err(error),
        };
        match torn {
            None => {
                gaps.extend(assembled.orphans.into_iter().map(|o| format!("nftables: {o} has no place")));
                return Ok(Read::Got(assembled.ruleset));
            }
            Some(reason) => last = Some((assembled, reason)),
        }
    }
    let (assembled, reason) =
        last.unwrap_or_else(|| (Assembled::default(), "nftables generation changed".into()));
    Ok(Read::Torn { reason, value: assembled.ruleset })
}

/// One table, with the elements of the sets that `elements` asks for; `None` where there is no such table. Read again while the
/// ruleset, of whatever table, changes under the reading; then torn.
pub(crate) fn table(
    socket: &mut Socket,
    key: &TableKey,
    elements: &dyn Fn(&str) -> bool,
) -> Result<Read<Option<Table>>> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        match table_once(socket, key, elements) {
            Err(KernelError::Refused { errno: libc::ENOENT | libc::EINTR, .. }) => {}
            Err(error) => return Err(error),
            Ok((table, false)) => return Ok(Read::Got(table)),
            Ok((table, true)) => last = table,
        }
    }
    Ok(Read::Torn { reason: "nftables generation changed".into(), value: last })
}

fn table_once(
    socket: &mut Socket,
    key: &TableKey,
    elements: &dyn Fn(&str) -> bool,
) -> Result<(Option<Table>, bool)> {
    let mut assembler = Assembler::new();
    let before = generation(socket, &mut assembler)?;
    let what = format!("read table {}", key.name);
    let mut torn = dump(socket, &what, &request::tables(Some(key.family)), &mut assembler)?;
    torn |= dump(socket, &what, &request::chains(Some(key.family)), &mut assembler)?;
    if !assembler.tables().any(|table| table == *key) {
        return Ok((None, false));
    }
    torn |= dump(socket, &what, &request::sets_of(key.family, &key.name), &mut assembler)?;
    let sets: Vec<String> = assembler
        .sets()
        .filter(|(t, set)| t.name == key.name && elements(set))
        .map(|(_, s)| s.to_owned())
        .collect();
    for set in sets {
        let what = format!("read the elements of set {set} of table {}", key.name);
        torn |= dump(socket, &what, &request::elements(key.family, &key.name, &set), &mut assembler)?;
    }
    torn |= dump(socket, &what, &request::rules_of_table(key.family, &key.name), &mut assembler)?;
    torn |= before != generation(socket, &mut Assembler::new())?;
    let tables = assembler.finish().ruleset.tables;
    Ok((tables.into_iter().find(|t| t.family == key.family && t.name == key.name), torn))
}

/// One reading, and why its parts may not fit together.
fn once(socket: &mut Socket) -> Result<(Assembled, Option<String>)> {
    let mut assembler = Assembler::new();
    let mut interrupted = false;
    let before = generation(socket, &mut assembler)?;
    for request in [request::tables(None), request::chains(None), request::sets(None)] {
        interrupted |= dump(socket, "read nftables", &request, &mut assembler)?;
    }
    let sets: Vec<(Family, String, String)> =
        assembler.sets().map(|(table, set)| (table.family, table.name.clone(), set.to_owned())).collect();
    for (family, table, set) in sets {
        let what = format!("read the elements of set {set} of table {table}");
        interrupted |= dump(socket, &what, &request::elements(family, &table, &set), &mut assembler)?;
    }
    interrupted |= dump(socket, "read nftables' rules", &request::rules(None), &mut assembler)?;
    for request in [request::objects(None), request::flowtables(None)] {
        match dump(socket, "read nftables' objects", &request, &mut assembler) {
            Ok(torn) => interrupted |= torn,
            // Kernels before 4.10 have no objects, before 4.16 no flowtables.
            Err(KernelError::Refused { errno: libc::EINVAL | libc::EOPNOTSUPP, .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let after = generation(socket, &mut Assembler::new())?;
    let torn = if before != after {
        Some("nftables generation changed".to_owned())
    } else {
        interrupted.then(|| "dump interrupted".to_owned())
    };
    Ok((assembler.finish(), torn))
}

/// The tables of a family, without what is in them.
pub(crate) fn tables(socket: &mut Socket, family: Family) -> Result<Vec<Table>> {
    let mut assembler = Assembler::new();
    dump(socket, "list nftables' tables", &request::tables(Some(family)), &mut assembler)?;
    Ok(assembler.finish().ruleset.tables)
}

/// The generation of the ruleset.
pub(crate) fn current_generation(socket: &mut Socket) -> Result<u32> {
    generation(socket, &mut Assembler::new())
}

fn generation(socket: &mut Socket, assembler: &mut Assembler) -> Result<u32> {
    let what = "read nftables' generation";
    let Request { message_type, flags, payload } = request::generation();
    let mut generation = 0;
    socket.ask(what, message_type, flags, &payload, |m| {
        let decode = |source| KernelError::Decode { what: what.into(), source };
        generation = plumb_nft::decode::generation(m.payload).map_err(decode)?;
        assembler.push(m.kind, m.payload).map_err(decode)
    })?;
    Ok(generation)
}

fn dump(socket: &mut Socket, what: &str, request: &Request, assembler: &mut Assembler) -> Result<bool> {
    socket.dump(what, request.message_type, &request.payload, |m| {
        assembler.push(m.kind, m.payload).map_err(|source| KernelError::Decode { what: what.into(), source })
    })
}
