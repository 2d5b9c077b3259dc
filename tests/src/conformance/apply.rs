//! A case's objects and configuration as the intent and the backend take them.

use std::net::{IpAddr, Ipv6Addr};

use plumb_api::Object;
use plumb_api::address::{Cidr, IpFamily, parse_cidr};
use plumb_intent::{NodeContext, NodePorts, Packet, Sender, Services, Surroundings};
use plumb_proxy::backend::nftables::{FrameConfig, LocalDetector, Settings};

use super::case::{BACKEND, Case, Config, DetectLocalMode, Flow};
use crate::error::{Failure, Result};

/// `nodePortAddresses` where none are given for this backend.
const PRIMARY: &str = "primary";

/// A case in one family.
#[derive(Clone, Debug)]
pub(super) struct Applied {
    pub(super) family: IpFamily,
    pub(super) context: NodeContext,
    pub(super) around: Surroundings,
    pub(super) detector: LocalDetector,
    frame: (u32, bool),
}

impl Applied {
    /// The case in one family.
    pub(super) fn new(case: &Case, family: IpFamily) -> Result<Self> {
        let config = &case.config;
        let detector = detector(config, family)?;
        let loopback = match family {
            IpFamily::V4 => Cidr::new(IpAddr::from([127, 0, 0, 0]), 8),
            IpFamily::V6 => Some(Cidr::host(Ipv6Addr::LOCALHOST.into())),
        };
        let node_addresses: Box<[IpAddr]> =
            case.node.ips.iter().copied().filter(|ip| IpFamily::of(*ip) == family).collect();
        let around = Surroundings {
            detects_pods: detector != LocalDetector::None,
            masquerade_all: config.masquerade_all,
            node_ports: match node_port_ranges(case, family)? {
                None => NodePorts::AllBut(loopback.into_iter().collect()),
                Some(ranges) => NodePorts::On(
                    node_addresses
                        .iter()
                        .copied()
                        .filter(|ip| ranges.iter().any(|r| r.contains(*ip)))
                        .collect(),
                ),
            },
            node_addresses,
            service_cidrs: ranges(&config.service_cidrs, "serviceCIDRs", family)?.into(),
        };
        // What the reference implementation starts its list of the node's addresses with.
        let mut node_ips = vec![IpAddr::from([127, 0, 0, 1]), Ipv6Addr::LOCALHOST.into()];
        node_ips.extend(IpFamily::ALL.iter().filter_map(|f| primary(case, *f)));
        let context = NodeContext {
            name: case.node.name.as_str().into(),
            zone: case.node.zone.as_deref().map(Into::into),
            node_ips,
        };
        let mark = 1_u32.checked_shl(config.masquerade_bit.into());
        let mark = mark.ok_or_else(|| wrong("config.masqueradeBit", "must be below 32"))?;
        Ok(Self { family, context, around, detector, frame: (mark, config.masquerade_all) })
    }

    /// The intent from these objects.
    pub(super) fn services(&self, objects: &[Object]) -> Services {
        let mut services = Services::new(self.family, self.context.clone());
        tell(&mut services, objects);
        services.take();
        services
    }

    /// The backend's frame.
    pub(super) fn frame(&self) -> FrameConfig {
        FrameConfig {
            family: self.family,
            masquerade_mark: self.frame.0,
            masquerade_all: self.frame.1,
            detector: self.detector.clone(),
            all_node_ips: matches!(self.around.node_ports, NodePorts::AllBut(_)),
        }
    }

    /// The backend's settings.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            node_port_ips: match &self.around.node_ports {
                NodePorts::AllBut(_) => Vec::new(),
                NodePorts::On(ips) => ips.to_vec(),
            },
            service_cidrs: self.around.service_cidrs.to_vec(),
        }
    }

    /// A flow's first packet.
    pub(super) fn packet(&self, case: &Case, flow: &Flow) -> Packet {
        let sender = if flow.is_from(&case.node) {
            Sender::Node
        } else if self.is_pod(flow) {
            Sender::Pod
        } else {
            Sender::Outside
        };
        Packet {
            sender,
            source: flow.from_ip,
            destination: flow.to_ip,
            protocol: flow.protocol,
            port: flow.port,
        }
    }

    /// Whether the node takes the sender for a pod.
    pub(super) fn is_pod(&self, flow: &Flow) -> bool {
        let device = flow.in_interface.as_deref().unwrap_or_default();
        match &self.detector {
            LocalDetector::None => false,
            LocalDetector::Cidr(range) => range.contains(flow.from_ip),
            LocalDetector::Bridge(name) => device == name,
            LocalDetector::InterfacePrefix(prefix) => device.starts_with(prefix.as_str()),
        }
    }
}

/// Tells the intent of objects; those of other kinds mean nothing to it.
pub(super) fn tell(services: &mut Services, objects: &[Object]) {
    for object in objects {
        match object {
            Object::Service(service) => services.apply_service(service),
            Object::EndpointSlice(slice) => services.apply_slice(slice),
            _ => {}
        }
    }
}

fn wrong(field: &str, why: &str) -> Failure {
    Failure::Agent { what: field.to_owned(), why: why.to_owned() }
}

fn primary(case: &Case, family: IpFamily) -> Option<IpAddr> {
    let of_family = || case.node.ips.iter().copied().find(|ip| IpFamily::of(*ip) == family);
    case.node.primary_ips.get(&family).copied().or_else(of_family)
}

/// Ranges of one family.
fn ranges(texts: &[String], field: &str, family: IpFamily) -> Result<Vec<Cidr>> {
    let parse = |text: &String| {
        parse_cidr(text).ok_or_else(|| wrong(&format!("config.{field}"), &format!("{text:?} is no range")))
    };
    let all = texts.iter().map(parse).collect::<Result<Vec<_>>>()?;
    Ok(all.into_iter().filter(|r| r.family() == family).collect())
}

/// The ranges of the node's addresses that take node ports; `None`: all of them do.
fn node_port_ranges(case: &Case, family: IpFamily) -> Result<Option<Vec<Cidr>>> {
    let default = [PRIMARY.to_owned()];
    let told = case.config.node_port_addresses.get(BACKEND).map_or(&default[..], Vec::as_slice);
    let told: Vec<String> = match told {
        [word] if word == PRIMARY => {
            let own = IpFamily::ALL.iter().filter_map(|f| primary(case, *f));
            own.map(|ip| format!("{ip}/{}", IpFamily::of(ip).bits())).collect()
        }
        other => other.to_vec(),
    };
    let ranges = ranges(&told, "nodePortAddresses", family)?;
    Ok((!ranges.is_empty() && ranges.iter().all(|r| r.length() > 0)).then_some(ranges))
}

fn detector(config: &Config, family: IpFamily) -> Result<LocalDetector> {
    let device = |name: &Option<String>, field: &str| {
        name.clone().ok_or_else(|| wrong(&format!("config.{field}"), "this mode of detection needs it"))
    };
    Ok(match config.detect_local_mode {
        DetectLocalMode::ClusterCidr | DetectLocalMode::NodeCidr => {
            // Only the first of a family counts.
            match ranges(&config.pod_cidrs, "podCIDRs", family)?.first() {
                Some(range) => LocalDetector::Cidr(*range),
                None => LocalDetector::None,
            }
        }
        DetectLocalMode::BridgeInterface => {
            LocalDetector::Bridge(device(&config.bridge_interface, "bridgeInterface")?)
        }
        DetectLocalMode::InterfaceNamePrefix => {
            LocalDetector::InterfacePrefix(device(&config.interface_name_prefix, "interfaceNamePrefix")?)
        }
    })
}
