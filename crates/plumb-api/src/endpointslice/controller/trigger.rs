//! When what a slice tells changed (`TriggerTimeTracker`).

use std::collections::HashMap;

use crate::endpointslice::Time;
use crate::objects::{NamespacedName, Pod, Service};

/// What was known of each Service when its slices were looked at last.
#[derive(Debug, Default)]
pub(super) struct Triggers(HashMap<NamespacedName, Seen>);

#[derive(Debug, Default)]
struct Seen {
    service: Option<Time>,
    pods: HashMap<Box<str>, Time>,
}

impl Triggers {
    /// The earliest time of what changed since the last call; of a Service that is new, when it was created.
    pub(super) fn time(&mut self, service: &Service, pods: &[&Pod]) -> Option<Time> {
        let created = service.metadata.creation_timestamp.as_deref().and_then(Time::parse);
        let pod_times = pods.iter().filter_map(|p| Some((p.metadata.name.clone(), ready_since(p)?)));
        let now = Seen { service: created, pods: pod_times.collect() };
        let before = self.0.get(&service.metadata.full_name());
        let time = match before {
            None => created,
            Some(before) => {
                let newer = now.pods.iter().filter(|(name, time)| before.pods.get(*name) < Some(time));
                let pods = newer.map(|(_, time)| *time);
                pods.chain(created.filter(|time| before.service < Some(*time))).min()
            }
        };
        self.0.insert(service.metadata.full_name(), now);
        time
    }

    pub(super) fn forget(&mut self, name: &NamespacedName) {
        self.0.remove(name);
    }
}

/// When the Pod last became ready, or ceased to be.
fn ready_since(pod: &Pod) -> Option<Time> {
    let ready = pod.status.conditions.iter().find(|c| &*c.kind == "Ready")?;
    Time::parse(ready.last_transition_time.as_deref()?)
}
