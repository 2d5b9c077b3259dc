//! What a fault is made of: changes of the kernel's state, and deeds of the lab's own processes.

use std::net::IpAddr;

use plumb_model::{Action, Change, Protocol, ResolvConf, Snapshot};
use serde::{Deserialize, Serialize};

use crate::server::{Hold, Listen};

/// One step of a fault, or of what undoes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Act {
    /// A change, of the type that remedies are made of.
    Change(Change),
    /// What a process of the lab does.
    Deed(Deed),
}

/// What the process of a pod does, or suffers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "deed")]
pub enum Deed {
    /// It listens, in a manner of its own.
    Listen {
        /// Name of the namespace.
        namespace: String,
        /// How.
        listen: Listen,
    },
    /// It listens no more.
    Close {
        /// Name of the namespace.
        namespace: String,
        /// TCP or UDP.
        protocol: Protocol,
        /// Address as it was bound.
        address: IpAddr,
        /// Port.
        port: u16,
    },
    /// It opens connections and keeps them.
    Hold {
        /// Name of the namespace.
        namespace: String,
        /// Which.
        hold: Hold,
    },
    /// It lets go of them.
    Release {
        /// Name of the namespace.
        namespace: String,
        /// As in [`Hold::name`].
        name: String,
    },
    /// It is stopped (SIGSTOP), or goes on.
    Freeze {
        /// Name of the namespace.
        namespace: String,
        /// Whether it stops.
        on: bool,
    },
    /// It asks others for names.
    Resolver {
        /// Name of the namespace.
        namespace: String,
        /// Its resolv.conf; that of a kubelet where `None`.
        conf: Option<ResolvConf>,
    },
}

impl From<Change> for Act {
    fn from(change: Change) -> Self {
        Self::Change(change)
    }
}

impl From<Deed> for Act {
    fn from(deed: Deed) -> Self {
        Self::Deed(deed)
    }
}

impl Act {
    /// The change that it is.
    #[must_use]
    pub fn change(&self) -> Option<&Change> {
        match self {
            Self::Change(change) => Some(change),
            Self::Deed(_) => None,
        }
    }

    /// Commands that do the same; `lab` is the lab's name, `owner` tells what a namespace is called there.
    pub(crate) fn commands(
        &self,
        lab: &str,
        snapshot: &Snapshot,
        owner: &dyn Fn(&str) -> Option<String>,
    ) -> Vec<String> {
        match self {
            Self::Change(change) => {
                self.listener(change, lab, snapshot, owner).unwrap_or_else(|| change.commands(snapshot))
            }
            Self::Deed(deed) => {
                deed.command(lab, &|namespace| owner(namespace).unwrap_or_else(|| namespace.to_owned()))
            }
        }
    }
}

impl Act {
    /// What the lab's own command does: no other starts or stops a pod's listener.
    fn listener(
        &self,
        change: &Change,
        lab: &str,
        snapshot: &Snapshot,
        owner: &dyn Fn(&str) -> Option<String>,
    ) -> Option<Vec<String>> {
        let (stop, protocol, address, port) = match &change.action {
            Action::StopListener { protocol, address, port, .. } => (" --stop", protocol, address, port),
            Action::StartListener { protocol, address, port, .. } => ("", protocol, address, port),
            _ => return None,
        };
        let namespace = &snapshot.namespace(change.namespace)?.name;
        let who = owner(namespace).unwrap_or_else(|| namespace.clone());
        Some(vec![format!(
            "plumb lab listen --lab {lab} {who} {port} --protocol {protocol} --address {address}{stop}"
        )])
    }
}

impl Deed {
    /// What undoes it.
    pub(crate) fn undo(&self) -> Option<Self> {
        Some(match self {
            Self::Listen { namespace, listen } => Self::Close {
                namespace: namespace.clone(),
                protocol: listen.protocol.transport(),
                address: listen.address,
                port: listen.port,
            },
            Self::Hold { namespace, hold } => {
                Self::Release { namespace: namespace.clone(), name: hold.name.clone() }
            }
            Self::Freeze { namespace, on } => Self::Freeze { namespace: namespace.clone(), on: !on },
            Self::Resolver { namespace, .. } => Self::Resolver { namespace: namespace.clone(), conf: None },
            Self::Close { .. } | Self::Release { .. } => return None,
        })
    }

    fn command(&self, lab: &str, owner: &dyn Fn(&str) -> String) -> Vec<String> {
        let line = match self {
            Self::Listen { namespace, listen } => format!(
                "plumb lab listen --lab {lab} {} {} --protocol {} --address {}{}",
                owner(namespace),
                listen.port,
                listen.protocol.word(),
                listen.address,
                listen.manner.options()
            ),
            Self::Close { namespace, protocol, address, port } => format!(
                "plumb lab listen --lab {lab} {} {port} --protocol {protocol} --address {address} --stop",
                owner(namespace)
            ),
            Self::Hold { namespace, hold } => {
                let mut line = format!(
                    "plumb lab hold --lab {lab} {} {} --protocol {} --connections {} --name {}",
                    owner(namespace),
                    hold.to,
                    hold.protocol,
                    hold.connections,
                    hold.name
                );
                if let Some(port) = hold.source_port {
                    line.push_str(&format!(" --source-port {port}"));
                }
                if let Some(every) = hold.every {
                    line.push_str(&format!(" --every {every}"));
                }
                for (_, word) in
                    [(hold.close, " --close"), (hold.half_open, " --half-open")].iter().filter(|w| w.0)
                {
                    line.push_str(word);
                }
                line
            }
            Self::Release { namespace, name } => {
                format!("plumb lab hold --lab {lab} {} --release {name}", owner(namespace))
            }
            Self::Freeze { namespace, on } => {
                let signal = if *on { "STOP" } else { "CONT" };
                format!("kill -{signal} $(ip netns pids {namespace})")
            }
            Self::Resolver { namespace, conf } => {
                let mut line = format!("plumb lab resolver --lab {lab} {}", owner(namespace));
                match conf {
                    None => line.push_str(" --usual"),
                    Some(conf) => {
                        for server in &conf.nameservers {
                            line.push_str(&format!(" --server {}", server.address));
                        }
                        for domain in &conf.search {
                            line.push_str(&format!(" --search {domain}"));
                        }
                        line.push_str(&format!(" --ndots {}", conf.options.ndots));
                    }
                }
                line
            }
        };
        vec![line]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::server::Manner;
    use crate::topology::PortProtocol;

    fn deeds() -> [Deed; 3] {
        let namespace = || "demo-default-web-0".to_owned();
        let manner = Manner { backlog: Some(0), never_accepts: true, ..Manner::default() };
        let address = "0.0.0.0".parse().unwrap();
        let listen = Listen { protocol: PortProtocol::Http, address, port: 8080, manner };
        let hold = Hold {
            name: "K01".to_owned(),
            protocol: Protocol::TCP,
            to: "10.244.1.3:8080".parse().unwrap(),
            connections: 3,
            source_port: Some(4000),
            every: None,
            close: true,
            half_open: false,
        };
        [
            Deed::Listen { namespace: namespace(), listen },
            Deed::Hold { namespace: namespace(), hold },
            Deed::Freeze { namespace: namespace(), on: true },
        ]
    }

    #[test]
    fn each_is_undone_by_its_opposite() {
        let undone: Vec<_> = deeds().iter().map(|d| d.undo().unwrap()).collect();
        assert!(matches!(&undone[0], Deed::Close { port: 8080, protocol: Protocol::TCP, .. }));
        assert!(matches!(&undone[1], Deed::Release { name, .. } if name == "K01"));
        assert!(matches!(&undone[2], Deed::Freeze { on: false, .. }));
        assert!(undone[0].undo().is_none() && undone[1].undo().is_none());
    }

    #[test]
    fn each_is_read_back_and_told_from_changes() {
        let change = Change {
            namespace: plumb_model::NamespaceId(7),
            action: plumb_model::Action::SetLinkUp { device: "lo".to_owned(), up: false },
        };
        let mut acts: Vec<Act> = deeds().into_iter().map(Act::from).collect();
        acts.push(change.into());
        let text = serde_json::to_string(&acts).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Act>>(&text).unwrap(), acts);
    }

    #[test]
    fn commands_name_the_pod() {
        let said: Vec<_> =
            deeds().iter().flat_map(|d| d.command("demo", &|_| "pod:default/web-0".to_owned())).collect();
        assert_eq!(
            said[0],
            "plumb lab listen --lab demo pod:default/web-0 8080 --protocol http --address 0.0.0.0 --backlog 0 --never-accept"
        );
        assert_eq!(
            said[1],
            "plumb lab hold --lab demo pod:default/web-0 10.244.1.3:8080 --protocol tcp --connections 3 --name K01 \
             --source-port 4000 --close"
        );
        assert_eq!(said[2], "kill -STOP $(ip netns pids demo-default-web-0)");
    }
}
