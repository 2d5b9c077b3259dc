//! From objects and the namespace of a node to an explanation.

use std::net::IpAddr;

use plumb_api::address::IpFamily;
use plumb_api::{EndpointSlice, NamespacedName, Object, Service};
use plumb_intent::{NodeContext, Services};
use plumb_kernel::{KernelError, NamespaceHandle, NamespaceWriter};
use plumb_model::Read;
use plumb_nft::Table;

use super::{Explanation, Input, explain, table_name};
use crate::backend::nftables::table_key;
use crate::config::Config;
use crate::node::{Sources, facts};

/// Why a Service cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// There is none of this name.
    #[error("there is no Service {name}")]
    NoService {
        /// What was asked for.
        name: NamespacedName,
        /// Those that there are.
        known: Vec<NamespacedName>,
    },
    /// The kernel could not be asked.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// A right is missing.
    #[error("cannot read table {table}: {capability} is missing")]
    Denied {
        /// `ip plumb`
        table: String,
        /// `CAP_NET_ADMIN`
        capability: String,
    },
}

/// Explains the Service of this name among these objects, on the node whose network namespace this is. Changes nothing.
///
/// # Errors
/// When there is no such Service, or the kernel cannot be read.
pub fn live(
    handle: &NamespaceHandle,
    config: &Config,
    objects: &[Object],
    name: &NamespacedName,
) -> Result<Explanation, ExplainError> {
    let services = || {
        objects.iter().filter_map(|o| match o {
            Object::Service(service) => Some(service),
            _ => None,
        })
    };
    let service: &Service =
        services().find(|s| s.metadata.full_name() == *name).ok_or_else(|| ExplainError::NoService {
            name: name.clone(),
            known: services().map(|s| s.metadata.full_name()).collect(),
        })?;
    let slices: Vec<EndpointSlice> = objects
        .iter()
        .filter_map(|o| match o {
            Object::EndpointSlice(slice) => Some(slice.clone()),
            _ => None,
        })
        .collect();
    let mut kernel = NamespaceWriter::new(handle)?;
    let addresses: Vec<IpAddr> = match kernel.addresses()? {
        Read::Got(list) | Read::Torn { value: list, .. } => list.into_iter().map(|a| a.prefix.addr).collect(),
        _ => Vec::new(),
    };
    let mut families = Vec::new();
    for family in IpFamily::ALL {
        let wanted = intent(config, objects, &addresses, family);
        families.push((wanted, table(&mut kernel, family)?));
    }
    Ok(explain(&Input { service, slices: &slices, node: &config.node_name, families: &families }))
}

/// What should be on the node.
fn intent(config: &Config, objects: &[Object], addresses: &[IpAddr], family: IpFamily) -> Services {
    let node = objects.iter().find_map(|o| match o {
        Object::Node(node) if node.metadata.name.eq_ignore_ascii_case(&config.node_name) => Some(node),
        _ => None,
    });
    let facts =
        facts(config, &Sources { node, service_cidrs: Vec::new(), local_addresses: addresses }, family);
    let context =
        NodeContext { name: config.node_name.as_str().into(), zone: facts.zone, node_ips: facts.node_ips };
    let mut services = Services::new(family, context);
    for object in objects {
        match object {
            Object::Service(service) => services.apply_service(service),
            Object::EndpointSlice(slice) => services.apply_slice(slice),
            _ => {}
        }
    }
    services.take();
    services
}

/// The table of a family; `None` where there is none, or the kernel knows no nftables at all.
fn table(kernel: &mut NamespaceWriter, family: IpFamily) -> Result<Option<Table>, ExplainError> {
    match kernel.nftables_table(&table_key(family), &|_| true)? {
        Read::Got(table) | Read::Torn { value: table, .. } => Ok(table),
        Read::Absent { .. } => Ok(None),
        Read::Denied { capability } => Err(ExplainError::Denied { table: table_name(family), capability }),
    }
}
