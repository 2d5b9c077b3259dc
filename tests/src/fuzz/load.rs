//! Loading the rules of a case, reading them back, and taking them away.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use plumb_kernel::read_ipsets;
use plumb_model::{IpSet, LegacyTable, Read};
use plumb_nft::{Batch, Ruleset};

use super::case::Place;
use super::network::{Network, failed};
use super::xtables::Xtables;
use crate::error::Result;

/// What a tool says where it refuses.
type Taken = std::result::Result<(), String>;

/// How often sets that rules still hold are tried again.
const TRIES: usize = 500;

impl Network {
    /// Loads a ruleset by nft's own hand.
    pub fn load_text(&mut self, place: Place, text: &str) -> Result<Taken> {
        self.load_with(place, &["nft", "-f", "-"], text)
    }

    /// Replaces all ipsets. Those of the case before go only now: the kernel lets go of what rules of nftables held some
    /// time after they are gone.
    pub fn load_ipsets(&mut self, place: Place, lines: &str) -> Result<Taken> {
        // A list holds its members.
        let text = format!("flush\ndestroy\n{lines}");
        let mut taken = Ok(());
        for _ in 0..TRIES {
            taken = self.load_with(place, &["ipset", "restore"], &text)?;
            match &taken {
                Err(said) if said.contains("in use") => std::thread::sleep(Duration::from_millis(2)),
                _ => break,
            }
        }
        Ok(taken)
    }

    /// Loads iptables' rules by their own tools.
    pub fn load_xtables(&mut self, place: Place, x: &Xtables) -> Result<Taken> {
        for family in ["ip", "ip6"] {
            let Some(text) = x.text(family) else { continue };
            if let Err(said) = self.load_with(place, &[&x.program(family), "-w", "60"], &text)? {
                return Ok(Err(said));
            }
        }
        Ok(Ok(()))
    }

    /// Takes the rules of iptables-legacy away. The tables stay.
    pub fn clear_legacy(&mut self, place: Place, x: &Xtables) -> Result<()> {
        for family in ["ip", "ip6"].into_iter().filter(|_| x.legacy) {
            let Some(text) = x.emptied(family) else { continue };
            self.load_with(place, &[&x.program(family), "-w", "60"], &text)?
                .map_err(failed("empty a table"))?;
        }
        Ok(())
    }

    /// Tables of iptables-legacy of a place.
    pub fn legacy(&mut self, place: Place) -> Result<Vec<LegacyTable>> {
        let read = plumb_kernel::read_legacy(&self.handles[place.index()]);
        match read.map_err(failed("read iptables-legacy"))? {
            Read::Got(tables) => Ok(tables),
            other => Err(failed("read iptables-legacy")(format!("{:?}", other.map(|_| ())))),
        }
    }

    /// The ipsets of a place.
    pub fn ipsets(&mut self, place: Place) -> Result<Vec<IpSet>> {
        match read_ipsets(&self.handles[place.index()]).map_err(failed("read the ipsets"))? {
            Read::Got(sets) => Ok(sets),
            other => Err(failed("read the ipsets")(format!("{:?}", other.map(|_| ())))),
        }
    }

    fn load_with(&mut self, place: Place, program: &[&str], text: &str) -> Result<Taken> {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = plumb_kernel::spawn(&mut command, &self.handles[place.index()])
            .map_err(failed("start a tool"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // nft that ends early says why on stderr.
            let _ = stdin.write_all(text.as_bytes());
        }
        let output = child.wait_with_output().map_err(failed("wait for a tool"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            return Ok(Ok(()));
        }
        // `Error in line 7: …`, `line 48: RULE_APPEND failed`, `line 62 failed`
        let mut words = said.split(|c: char| !c.is_ascii_alphanumeric()).skip_while(|w| *w != "line").skip(1);
        let number = words.next().and_then(|n| n.parse::<usize>().ok());
        let line = number.and_then(|n| text.lines().nth(n.checked_sub(1)?)).unwrap_or_default();
        let said = said.trim_end().replace('\n', " ");
        Ok(Err(if program[0] == "nft" || line.is_empty() { said } else { format!("{said} | {line}") }))
    }

    /// Reads the ruleset of a place.
    pub fn ruleset(&mut self, place: Place) -> Result<Ruleset> {
        match self.writers[place.index()].ruleset().map_err(failed("read a ruleset"))? {
            Read::Got(ruleset) => Ok(ruleset),
            other => Err(failed("read a ruleset")(format!("{:?}", other.map(|_| ())))),
        }
    }

    /// Replaces the ruleset of a place by this one, through Plumb's own encoder. The old one goes in a transaction of
    /// its own: in the same, its nat chains would keep the nat hooks, behind all that is new at their priority.
    pub fn load_encoded(&mut self, place: Place, ruleset: &Ruleset) -> Result<()> {
        let mut batch = Batch::new(1, None);
        batch.flush();
        self.writers[place.index()].nftables(batch).map_err(failed("flush a ruleset"))?;
        let mut batch = Batch::new(1, None);
        for table in &ruleset.tables {
            batch.add_all(table).map_err(failed("encode a table"))?;
        }
        self.writers[place.index()].nftables(batch).map_err(failed("load an encoded ruleset"))
    }

    /// Removes all rules and connections of these places.
    pub fn clear(&mut self, places: &[Place]) -> Result<()> {
        for place in places {
            let writer = &mut self.writers[place.index()];
            let mut batch = Batch::new(1, None);
            batch.flush();
            writer.nftables(batch).map_err(failed("flush a ruleset"))?;
            writer.flush_conntrack().map_err(failed("flush conntrack"))?;
        }
        Ok(())
    }
}
