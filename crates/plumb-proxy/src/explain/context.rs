//! A Service with its frontends in both families.

use std::net::IpAddr;
use std::sync::Arc;

use plumb_api::address::{IpFamily, parse_ip};
use plumb_api::{EndpointSlice, IpMode, Service};
use plumb_intent::{Frontend, FrontendKey, Origin, PortName, Services};
use plumb_nft::Table;

use super::{FrontendState, Input, Item, Meaning, TableState, name, table_name};
use crate::backend::nftables::{Kernel, table_key};

/// One family.
pub(super) struct FamilyContext<'a> {
    pub(super) family: IpFamily,
    pub(super) services: &'a Services,
    pub(super) kernel: Kernel<'a>,
    /// There is a table.
    pub(super) found: bool,
    /// A proxy serves the Service in this family.
    pub(super) serves: bool,
    /// The Service's frontends, in the order of their keys.
    pub(super) frontends: Vec<(FrontendKey, Arc<Frontend>)>,
}

/// All that fields are explained from.
pub(super) struct Context<'a> {
    pub(super) service: &'a Service,
    pub(super) slices: &'a [EndpointSlice],
    pub(super) families: Vec<FamilyContext<'a>>,
}

/// The table of a family in which there is nothing.
fn nothing(family: IpFamily) -> &'static Table {
    static NOTHING: [std::sync::OnceLock<Table>; 2] = [const { std::sync::OnceLock::new() }; 2];
    let key = table_key(family);
    NOTHING[usize::from(family == IpFamily::V6)].get_or_init(|| Table::new(key.family, &key.name))
}

impl<'a> Context<'a> {
    pub(super) fn new(input: &Input<'a>) -> Self {
        let service = name(input.service);
        let families = input.families.iter().map(|(services, table)| {
            let family = services.family();
            let ours = services.frontends().filter(|(_, f)| *f.name.service == service);
            let mut frontends: Vec<_> = ours.map(|(k, f)| (*k, Arc::clone(f))).collect();
            frontends.sort_unstable_by_key(|(k, _)| *k);
            let kernel = Kernel::new(table.as_ref().unwrap_or_else(|| nothing(family)), family);
            let serves = !services.endpoints_of(&service).is_empty();
            FamilyContext { family, services, kernel, found: table.is_some(), serves, frontends }
        });
        Self { service: input.service, slices: input.slices, families: families.collect() }
    }

    /// A proxy has something to do for the Service.
    pub(super) fn is_served(&self) -> bool {
        self.families.iter().any(|f| f.serves)
    }

    /// What a field means, where a proxy serves the Service at all.
    pub(super) fn served(&self, meaning: Meaning) -> Meaning {
        if self.is_served() { meaning } else { Meaning::NotServed }
    }

    pub(super) fn family(&self, family: IpFamily) -> Option<&FamilyContext<'a>> {
        self.families.iter().find(|f| f.family == family)
    }

    /// Something outside the cluster leads to it.
    pub(super) fn is_external(&self) -> bool {
        let mut all = self.families.iter().flat_map(|f| &f.frontends);
        all.any(|(_, f)| f.origin != Origin::ClusterIp)
    }

    /// The load balancer's addresses that packets bear.
    pub(super) fn virtual_ips(&self) -> impl Iterator<Item = IpAddr> {
        let ingress = self.service.status.load_balancer.ingress.iter();
        ingress.filter(|i| i.ip_mode != Some(IpMode::Proxy)).filter_map(|i| parse_ip(i.ip.trim()))
    }

    /// What all Services share, in the families that matter for this one.
    pub(super) fn tables(&self) -> Vec<TableState> {
        self.families.iter().filter(|f| f.serves).map(FamilyContext::table).collect()
    }

    /// Frontends that the kernel holds under this Service's name, and that it does not have.
    pub(super) fn left_over(&self) -> Vec<FrontendState> {
        let service = name(self.service);
        let mut all = Vec::new();
        for family in &self.families {
            let strays = family.kernel.named(&service);
            let strays = strays.iter().filter(|key| family.services.frontend(key).is_none());
            all.extend(strays.map(|key| family.kernel.frontend(key, None, &[])));
        }
        all
    }
}

impl FamilyContext<'_> {
    fn table(&self) -> TableState {
        let table = table_name(self.family);
        let (missing, mut stale) = if self.found {
            self.kernel.frame()
        } else {
            (vec![Item::Table { name: table.clone() }], Vec::new())
        };
        stale.extend(self.kernel.strays(self.services));
        TableState {
            family: self.family,
            found: self.found,
            detector: self.kernel.detector(),
            table,
            missing,
            stale,
        }
    }

    /// The frontends that an address and a field lead to.
    pub(super) fn at(&self, address: IpAddr, origins: &[Origin]) -> Vec<FrontendState> {
        self.some(|key, f| key.address == Some(address) && origins.contains(&f.origin))
    }

    /// The frontends that are chosen.
    pub(super) fn some(&self, choose: impl Fn(&FrontendKey, &Frontend) -> bool) -> Vec<FrontendState> {
        let chosen = self.frontends.iter().filter(|(k, f)| choose(k, f));
        chosen.map(|(k, f)| self.kernel.frontend(k, Some(f), &self.frontends)).collect()
    }

    /// Frontends that the Service asks for and another one has.
    pub(super) fn claimed(&self, service: &Service, keys: impl Iterator<Item = FrontendKey>) -> Vec<Item> {
        let own = name(service);
        let claimed = |key: FrontendKey| {
            let owner: &PortName = &self.services.frontend(&key)?.name;
            (*owner.service != own)
                .then(|| Item::Claimed { frontend: key.to_string(), owner: owner.to_string() })
        };
        keys.filter_map(claimed).collect()
    }
}
