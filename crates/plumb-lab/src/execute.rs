//! Makes a plan real, and removes what is left of one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use plumb_kernel::{
    KernelError, NamespaceHandle, NamespaceWriter, NewLink, NewLinkKind, VethPeer, create_named, delete_named,
};
use plumb_model::{Address, IpFamily, NextHop, Prefix, Route, RouteKind};
use plumb_nft::Batch;

use crate::error::Result;
use crate::plan::{NamespacePlan, Plan, RoutePlan};
use crate::state::{self, State};
use crate::step::Step;

/// `RTPROT_BOOT`: as `ip route add` writes it, and so CNI plugins.
const BOOT: u8 = 3;

/// Builds everything but the servers. `progress` is told each step and may stop it with an error.
pub(crate) fn build(plan: &Plan, progress: &mut dyn FnMut(Step) -> Result<()>) -> Result<()> {
    progress(Step::Namespaces)?;
    let mut handles = BTreeMap::new();
    let mut writers = BTreeMap::new();
    for namespace in &plan.namespaces {
        let handle = create_named(&namespace.name)?;
        writers.insert(namespace.name.as_str(), NamespaceWriter::new(&handle)?);
        handles.insert(namespace.name.as_str(), handle);
    }
    for namespace in &plan.namespaces {
        let writer = of(&mut writers, &namespace.name)?;
        sysctls(writer, namespace)?;
        writer.set_up("lo", true)?;
        for bridge in &namespace.bridges {
            let link = NewLink {
                mac: Some(bridge.mac),
                mtu: Some(plan.mtu),
                up: true,
                ..NewLink::new(&bridge.name, NewLinkKind::Bridge { vlan_filtering: false })
            };
            writer.add_link(&link)?;
        }
    }
    progress(Step::Links)?;
    for veth in &plan.veths {
        let peer = VethPeer {
            name: &veth.inner.device,
            namespace: handles.get(veth.inner.namespace.as_str()),
            mac: Some(veth.inner.mac),
            mtu: Some(plan.mtu),
            up: true,
        };
        let link = NewLink {
            mac: Some(veth.outer.mac),
            mtu: Some(plan.mtu),
            master: veth.outer.master.as_deref(),
            up: true,
            ..NewLink::new(&veth.outer.device, NewLinkKind::Veth(peer))
        };
        let writer = of(&mut writers, &veth.outer.namespace)?;
        writer.add_link(&link)?;
        if veth.outer.hairpin {
            writer.set_bridge_port(&veth.outer.device, "hairpin", "on")?;
        }
    }
    progress(Step::Addresses)?;
    for namespace in &plan.namespaces {
        let writer = of(&mut writers, &namespace.name)?;
        for (device, prefix) in &namespace.addresses {
            writer.add_address(device, &address(*prefix))?;
        }
        for route in &namespace.routes {
            let oif = writer.index(&route.device)?;
            writer.add_route(&self::route(route, oif))?;
        }
        rules(writer, namespace)?;
    }
    Ok(())
}

fn of<'w>(writers: &'w mut BTreeMap<&str, NamespaceWriter>, name: &str) -> Result<&'w mut NamespaceWriter> {
    writers.get_mut(name).ok_or_else(|| {
        let what = "build the lab".to_owned();
        KernelError::Missing { what, missing: format!("namespace {name} in the plan") }.into()
    })
}

/// All of a namespace's sysctls on one thread inside it.
fn sysctls(writer: &mut NamespaceWriter, namespace: &NamespacePlan) -> Result<()> {
    for (name, value) in &namespace.sysctls {
        match writer.set_sysctl(name, value) {
            Ok(()) => {}
            // Without br_netfilter bridged packets pass no rules at all; that is for the diagnosis to say.
            Err(KernelError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound && name.starts_with("net.bridge.") => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

fn rules(writer: &mut NamespaceWriter, namespace: &NamespacePlan) -> Result<()> {
    if namespace.nft.is_empty() {
        return Ok(());
    }
    let mut batch = Batch::new(1, None);
    for table in &namespace.nft {
        batch.add_all(table).map_err(|e| KernelError::Unsupported {
            what: format!("the table {} of {}", table.name, namespace.name),
            why: e.to_string(),
        })?;
    }
    Ok(writer.nftables(batch)?)
}

fn address(prefix: Prefix) -> Address {
    let broadcast = match prefix.addr {
        IpAddr::V4(a) if prefix.len < 31 => {
            let host = u32::MAX.checked_shr(u32::from(prefix.len)).unwrap_or(0);
            Some(IpAddr::V4((a.to_bits() | host).into()))
        }
        _ => None,
    };
    // IPv6: used at once; nobody else in here can have it.
    let nodad = if prefix.family() == IpFamily::V6 { Address::NODAD } else { 0 };
    Address { flags: Address::PERMANENT | nodad, broadcast, ..Address::permanent(0, prefix) }
}

fn route(plan: &RoutePlan, oif: u32) -> Route {
    Route {
        family: plan.dst.family(),
        table: Route::TABLE_MAIN,
        kind: RouteKind::Unicast,
        dst: plan.dst,
        src: None,
        tos: 0,
        priority: 0,
        protocol: BOOT,
        scope: 0,
        prefsrc: None,
        next_hops: vec![NextHop { gateway: Some(plan.via), oif: Some(oif), weight: 1, flags: 0 }],
        nexthop_id: None,
        flags: 0,
        pref: 0,
        metrics: BTreeMap::new(),
        unknown_attributes: Vec::new(),
    }
}

/// Removes the namespaces of a lab and its files. The supervisor must be dead.
pub(crate) fn remove(lab: &str) -> Result<()> {
    let mut names: Vec<String> = Vec::new();
    match State::read(lab) {
        Ok(Some(state)) => {
            crate::cluster::remove_files(&state.topology);
            names.extend(state.namespaces.into_iter().filter(ours).map(|n| n.name));
        }
        Ok(None) => {}
        // A file that cannot be understood still stands for a lab: its namespaces bear its name.
        Err(_) => names.extend(named_after(lab)),
    }
    for name in names {
        delete_named(&name)?;
    }
    for extension in ["sock", "json.new", "log", "json", "lock"] {
        let _ = std::fs::remove_file(state::file(lab, extension));
    }
    let _ = std::fs::remove_dir_all(state::file(lab, "etc"));
    Ok(())
}

/// Whether a namespace of this name is still the one that the lab made.
fn ours(namespace: &state::LabNamespace) -> bool {
    match (namespace.id, state::pinned(&namespace.name)) {
        (Some(id), Some(there)) => id == there,
        // The supervisor died while it built: it had made sure that nobody else had the name.
        _ => true,
    }
}

fn named_after(lab: &str) -> Vec<String> {
    let prefix = format!("{lab}-");
    let Ok(entries) = std::fs::read_dir(state::NETNS) else { return Vec::new() };
    entries
        .filter_map(|e| e.ok()?.file_name().into_string().ok())
        .filter(|n| n.starts_with(&prefix))
        .collect()
}

/// A handle on a namespace of a lab.
pub(crate) fn open(name: &str) -> Result<NamespaceHandle> {
    Ok(NamespaceHandle::open(format!("{}/{name}", state::NETNS))?)
}
