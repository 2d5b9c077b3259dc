//! Which endpoint is in which slice (`reconcileByPortMapping`): what exists stays where it is, and as few slices as can be
//! are written.

use super::set::{EndpointSet, same};
use crate::objects::{Endpoint, EndpointSlice};

/// Endpoints that a slice gets at most (`--max-endpoints-per-slice`).
pub const MAX_ENDPOINTS: usize = 100;

/// What becomes of the slices of one set of ports.
#[derive(Default)]
pub(super) struct Packed<'a> {
    /// Endpoints of slices that do not exist yet.
    pub(super) create: Vec<Vec<Endpoint>>,
    /// Slices to write again, with their new endpoints.
    pub(super) update: Vec<(&'a EndpointSlice, Vec<Endpoint>)>,
    /// Slices without an endpoint that is wanted.
    pub(super) delete: Vec<&'a EndpointSlice>,
    /// The others.
    pub(super) unchanged: Vec<&'a EndpointSlice>,
}

/// Packs the wanted endpoints. `stale` says of a slice that all else of it is not as it ought to be.
pub(super) fn pack<'a>(
    existing: &[&'a EndpointSlice],
    mut wanted: EndpointSet,
    stale: impl Fn(&EndpointSlice) -> bool,
) -> Packed<'a> {
    let mut packed = Packed::default();
    // 1. What exists and is wanted stays where it is.
    for slice in existing.iter().copied() {
        let mut kept = Vec::with_capacity(slice.endpoints.len());
        let mut changed = false;
        for endpoint in &slice.endpoints {
            if let Some(new) = wanted.take(endpoint) {
                changed |= !same(&new, endpoint);
                kept.push(new);
            }
        }
        changed |= kept.len() != slice.endpoints.len();
        if changed && kept.is_empty() {
            packed.delete.push(slice);
        } else if changed || stale(slice) {
            packed.update.push((slice, kept));
        } else {
            packed.unchanged.push(slice);
        }
    }
    // 2. Slices that are written anyhow take up the rest, the fullest first.
    packed.update.sort_by_key(|(_, endpoints)| std::cmp::Reverse(endpoints.len()));
    for (_, endpoints) in &mut packed.update {
        fill(endpoints, &mut wanted);
    }
    // 3. What is left goes into the one slice that it fills best, else into new ones.
    while !wanted.is_empty() {
        match best_to_fill(&packed.unchanged, wanted.len()) {
            Some(index) => {
                let slice = packed.unchanged.remove(index);
                let mut endpoints = slice.endpoints.clone();
                fill(&mut endpoints, &mut wanted);
                packed.update.push((slice, endpoints));
            }
            None => {
                let mut endpoints = Vec::new();
                fill(&mut endpoints, &mut wanted);
                packed.create.push(endpoints);
            }
        }
    }
    // In the order of their names, whatever filled them.
    packed.update.sort_by(|(a, _), (b, _)| a.metadata.name.cmp(&b.metadata.name));
    packed
}

fn fill(endpoints: &mut Vec<Endpoint>, wanted: &mut EndpointSet) {
    while endpoints.len() < MAX_ENDPOINTS
        && let Some(endpoint) = wanted.pop()
    {
        endpoints.push(endpoint);
    }
}

/// The slice that so many more endpoints fill best, if all of them fit (`getSliceToFill`).
fn best_to_fill(slices: &[&EndpointSlice], more: usize) -> Option<usize> {
    let room = |s: &EndpointSlice| MAX_ENDPOINTS.checked_sub(s.endpoints.len() + more);
    let rooms = slices.iter().enumerate().filter_map(|(i, s)| Some((room(s)?, i)));
    rooms.min().map(|(_, i)| i)
}
