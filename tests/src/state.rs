//! A scenario's network, built for real: namespaces or a lab, commands, listeners; gone when the value goes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::agent::dial::{Attempt, Plan};
use crate::agent::{Listener, dial};
use crate::built::Built;
use crate::error::{Failure, Result};
use crate::library;
use crate::scenario::{Flow, Outcome, Scenario, Server, Stage};
use crate::shell;

/// Longest wait for links and addresses to be usable after the network is built.
const SETTLE: Duration = Duration::from_secs(10);
/// The same after a fault, which may well keep one from ever being usable.
const SETTLE_FAULT: Duration = Duration::from_secs(1);

/// A network that stands.
#[derive(Debug)]
pub struct State<'a> {
    scenario: &'a Scenario,
    // Before the namespaces: processes go first.
    listeners: Vec<Listener>,
    built: Built,
}

/// What the real client saw over all its attempts.
#[derive(Debug, Clone)]
pub struct Seen {
    /// One outcome for all of them.
    pub outcome: Outcome,
    /// Stage of the failing attempts, where they agree.
    pub stage: Option<Stage>,
    /// Errno of the failing attempts, where they agree.
    pub errno: Option<String>,
    /// Share that connected.
    pub success: f64,
    /// Seconds of the quickest attempt.
    pub seconds: f64,
    /// Ids of the servers that answered.
    pub servers: Vec<String>,
    /// Attempts made.
    pub attempts: usize,
    /// How many came to what: outcome and errno.
    pub tally: BTreeMap<String, usize>,
}

impl<'a> State<'a> {
    /// Builds the working network with its servers.
    pub fn build(scenario: &'a Scenario) -> Result<Self> {
        let network = library::network(scenario)?;
        let built = Built::new(scenario, network.as_ref())?;
        let mut state = Self { scenario, listeners: Vec::new(), built };
        if let Some(network) = &network {
            state.shell(&format!("network {}", network.name), &network.build)?;
        }
        state.shell("build", &scenario.build)?;
        state.settle(SETTLE)?;
        state.serve(&scenario.servers)?;
        Ok(state)
    }

    /// Builds the network and breaks it.
    pub fn broken(scenario: &'a Scenario) -> Result<Self> {
        let mut state = Self::build(scenario)?;
        if let Some(servers) = &scenario.servers_fault {
            state.serve(servers)?;
        }
        state.built.break_(&scenario.breaks)?;
        state.shell("fault", &scenario.fault)?;
        state.settle(SETTLE_FAULT).ok();
        Ok(state)
    }

    /// Starts the listeners of the working network in place of those there are.
    pub fn heal_servers(&mut self) -> Result<()> {
        let scenario = self.scenario;
        self.serve(&scenario.servers)
    }

    /// Undoes a fault of the lab's catalogue.
    pub fn heal_fault(&mut self, id: &str) -> Result<()> {
        self.built.heal(id)
    }

    fn serve(&mut self, servers: &[Server]) -> Result<()> {
        self.listeners.clear();
        for server in servers {
            let namespace = self.namespace(&server.namespace)?;
            let listener = Listener::start(&namespace, server)?;
            self.listeners.push(listener);
        }
        Ok(())
    }

    /// Runs commands of the scenario, in which each namespace's real name is the variable of its name.
    pub fn shell(&self, what: &str, script: &str) -> Result<String> {
        self.shell_with(what, script, &[])
    }

    /// The same with further variables.
    pub fn shell_with(&self, what: &str, script: &str, more: &[(String, String)]) -> Result<String> {
        if script.trim().is_empty() {
            return Ok(String::new());
        }
        let variables = [self.built.variables(), more.to_vec()].concat();
        shell::run(&format!("{}: {what}", self.scenario.name), script, &variables)
    }

    /// The real name of the namespace that the scenario calls `name`.
    pub fn namespace(&self, name: &str) -> Result<String> {
        self.built.namespace(name).ok_or_else(|| Failure::Agent {
            what: self.scenario.name.clone(),
            why: format!("it has no namespace called {name}"),
        })
    }

    /// The real names of its namespaces.
    pub fn names(&self) -> Vec<String> {
        self.built.variables().into_iter().map(|(_, real)| real).collect()
    }

    /// Whether it is a lab.
    pub fn is_lab(&self) -> bool {
        matches!(self.built, Built::Lab(_))
    }

    /// Makes the flow's attempts for real.
    pub fn ask(&self, flow: &Flow) -> Result<Seen> {
        let plan = Plan {
            to: flow.to.clone(),
            protocol: flow.protocol,
            source_port: flow.source_port,
            patience: flow.patience(),
            attempts: flow.connections.or(flow.attempts).unwrap_or(1),
            hold: flow.connections.is_some(),
            ask_name: flow.answered_by.is_some(),
            bytes: flow.bytes,
        };
        let attempts = dial(&self.namespace(&flow.from)?, flow.uid, &plan)?;
        Ok(sum_up(&attempts))
    }

    /// Waits until every link that has a carrier is up in the kernel's books (which it enters a little later),
    /// bridge ports forward, and no IPv6 address is tentative.
    fn settle(&self, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        loop {
            let waiting = self.names().iter().map(|n| unsettled(n)).collect::<Result<Vec<_>>>()?.concat();
            if waiting.is_empty() {
                return Ok(());
            }
            if Instant::now() > end {
                let why = format!("not usable after {} s: {}", limit.as_secs(), waiting.join(", "));
                return Err(Failure::Agent { what: self.scenario.name.clone(), why });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// What is not yet usable in one namespace.
fn unsettled(namespace: &str) -> Result<Vec<String>> {
    let list = |arguments: &[&str]| -> Result<Vec<Value>> {
        let all = [&["-j", "-n", namespace], arguments].concat();
        let text = shell::try_run("ip", &all)?.unwrap_or_default();
        Ok(serde_json::from_str(&text).unwrap_or_default())
    };
    let mut waiting = Vec::new();
    for link in list(&["-d", "link", "show"])? {
        let has = |flag: &str| link["flags"].as_array().is_some_and(|f| f.iter().any(|x| x == flag));
        let device = link["ifname"].as_str().unwrap_or("?");
        let port = link["linkinfo"]["info_slave_kind"] == "bridge";
        let forwards = link["linkinfo"]["info_slave_data"]["state"] == "forwarding";
        let loopback = has("LOOPBACK");
        if has("LOWER_UP") && !loopback && (link["operstate"] != "UP" || (port && !forwards)) {
            waiting.push(format!("{device} in {namespace}"));
        }
    }
    // A device without carrier keeps its addresses tentative: that is for the link test above to see.
    for link in list(&["-6", "addr", "show", "up", "tentative"])? {
        let addressed =
            link["addr_info"].as_array().is_some_and(|a| a.iter().any(|x| x.get("local").is_some()));
        let carrier = link["flags"].as_array().is_some_and(|f| f.iter().any(|x| x == "LOWER_UP"));
        if addressed && carrier {
            waiting.push(format!("IPv6 of {} in {namespace}", link["ifname"].as_str().unwrap_or("?")));
        }
    }
    Ok(waiting)
}

/// Several attempts as the report would tell them.
fn sum_up(attempts: &[Attempt]) -> Seen {
    let good: Vec<&Attempt> = attempts.iter().filter(|a| a.outcome == Outcome::Connects).collect();
    let bad: Vec<&Attempt> = attempts.iter().filter(|a| a.outcome != Outcome::Connects).collect();
    let same = |test: &dyn Fn(&Attempt, &Attempt) -> bool| bad.windows(2).all(|w| test(w[0], w[1]));
    let first = bad.first();
    let outcome = match (good.is_empty(), first) {
        (_, None) => Outcome::Connects,
        (true, Some(bad)) if same(&|a, b| a.outcome == b.outcome) => bad.outcome,
        _ => Outcome::Intermittent,
    };
    let mut servers: Vec<String> = good.iter().filter_map(|a| a.server.clone()).collect();
    servers.sort();
    servers.dedup();
    let mut tally = BTreeMap::new();
    for attempt in attempts {
        let what = format!("{} {}", attempt.outcome.word(), attempt.errno.as_deref().unwrap_or_default());
        *tally.entry(what.trim().to_owned()).or_insert(0) += 1;
    }
    Seen {
        tally,
        outcome,
        stage: first.filter(|_| same(&|a, b| a.stage == b.stage)).and_then(|a| a.stage),
        errno: first.filter(|_| same(&|a, b| a.errno == b.errno)).and_then(|a| a.errno.clone()),
        success: good.len() as f64 / attempts.len().max(1) as f64,
        seconds: attempts.iter().map(|a| a.seconds).fold(f64::INFINITY, f64::min),
        servers,
        attempts: attempts.len(),
    }
}
