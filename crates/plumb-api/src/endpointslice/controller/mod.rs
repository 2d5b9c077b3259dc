//! A view of all objects that slices follow from, and what is to be written after each change of it.

mod memory;
mod trigger;
mod view;

use std::collections::BTreeSet;

use super::{MANAGER, MIRROR_MANAGER, Names, Plan, Request, Time, has_slices, mirror, should_mirror};
use crate::objects::{EndpointSlice, NamespacedName, Pod, label};
use crate::{Change, Kind};
use memory::Slices;
use trigger::Triggers;
use view::View;

/// Kinds that have to be told of first: what is written before could only be wrong.
const NEEDED: [Kind; 5] = [Kind::Service, Kind::Pod, Kind::Node, Kind::Endpoints, Kind::EndpointSlice];

/// Takes changes, and says what is to be written. Nothing is said until all of Service, Pod, Node, Endpoints and
/// EndpointSlice are [listed](Change::Listed). A change costs what the Services that it touches cost, and those only.
///
/// What it said counts as written: a slice that could not be written is to be told again as it is.
///
/// ```
/// use plumb_api::endpointslice::{Controller, SteadyNames};
/// use plumb_api::{Change, Kind, manifest};
///
/// let text = "\
/// {apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}
/// ---
/// {apiVersion: v1, kind: Pod, metadata: {name: web-0, labels: {app: web}}, status: {podIP: 10.244.1.2}}
/// ";
/// let mut controller = Controller::new(SteadyNames::default());
/// for object in manifest::merge([manifest::parse(text, "web.yaml")?]).objects {
///     controller.apply(Change::Applied(Box::new(object.value)));
/// }
/// Kind::ALL.into_iter().for_each(|kind| controller.apply(Change::Listed(kind)));
/// let plan = controller.reconcile(None);
/// assert_eq!(&*plan.create[0].endpoints[0].addresses[0], "10.244.1.2");
/// assert!(controller.reconcile(None).is_empty());
/// # Ok::<(), manifest::ManifestError>(())
/// ```
#[derive(Debug)]
pub struct Controller<N> {
    names: N,
    view: View,
    slices: Slices,
    triggers: Triggers,
    listed: BTreeSet<Kind>,
    /// Services to look at.
    open: BTreeSet<NamespacedName>,
}

impl<N: Names> Controller<N> {
    /// One that knows of nothing yet, and names new slices so.
    pub fn new(names: N) -> Self {
        Self {
            names,
            view: View::default(),
            slices: Slices::default(),
            triggers: Triggers::default(),
            listed: BTreeSet::new(),
            open: BTreeSet::new(),
        }
    }

    /// Takes a change. What it leads to is said by [`Controller::reconcile`].
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Listed(kind) => {
                self.listed.insert(kind);
            }
            Change::Applied(object) => match *object {
                crate::Object::EndpointSlice(slice) => self.open.extend(self.slices.apply(slice)),
                other => self.open.extend(self.view.apply(other)),
            },
            Change::Deleted(key) if key.kind == Kind::EndpointSlice => {
                self.open.extend(self.slices.delete(&key.name));
            }
            Change::Deleted(key) => self.open.extend(self.view.delete(&key)),
        }
    }

    /// What is to be written now. `now` is the time that slices bear where no object tells when it changed; without it they
    /// bear none then.
    pub fn reconcile(&mut self, now: Option<Time>) -> Plan {
        let mut plan = Plan::default();
        if !NEEDED.iter().all(|kind| self.listed.contains(kind)) {
            return plan;
        }
        for name in std::mem::take(&mut self.open) {
            let of_one = self.reconcile_one(&name, now);
            self.slices.take_over(&of_one);
            plan.append(of_one);
        }
        plan
    }

    /// All slices as they are once what was said is written, by namespace and name.
    pub fn slices(&self) -> impl Iterator<Item = &EndpointSlice> {
        self.slices.all()
    }

    fn reconcile_one(&mut self, name: &NamespacedName, now: Option<Time>) -> Plan {
        let mut plan = Plan::default();
        let all = self.slices.of_service(name);
        let managed = |by: &str| -> Vec<&EndpointSlice> {
            all.iter().copied().filter(|s| s.metadata.label(label::MANAGED_BY) == Some(by)).collect()
        };
        let delete_all = |slices: Vec<&EndpointSlice>| Plan {
            delete: slices.into_iter().map(|s| s.metadata.full_name()).collect(),
            ..Plan::default()
        };
        let slices = &self.slices;
        let taken = |slice: &str| slices.contains(&name.namespace, slice);
        let service = self.view.service(name);
        match service {
            Some(service) if has_slices(service) => {
                let pods: Vec<&Pod> = self.view.pods_of(name);
                let trigger_time = self.triggers.time(service, &pods).or(now);
                let own = managed(MANAGER);
                let nodes = self.view.nodes();
                let request = Request { service, pods: &pods, nodes, slices: &own, trigger_time };
                plan.append(super::reconcile(&request, &mut self.names, &taken));
            }
            // Somebody else may write them now; they stay, as upstream leaves them.
            Some(_) => self.triggers.forget(name),
            // In a cluster the garbage collector follows owner references to the same end.
            None => {
                self.triggers.forget(name);
                plan.append(delete_all(managed(MANAGER)));
            }
        }
        match self.view.endpoints(name).filter(|e| should_mirror(e, service)) {
            Some(endpoints) => {
                let own = managed(MIRROR_MANAGER);
                plan.append(mirror(endpoints, &own, &mut self.names, &taken));
            }
            None => plan.append(delete_all(managed(MIRROR_MANAGER))),
        }
        plan
    }
}
