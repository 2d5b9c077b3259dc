//! The three files' text to facts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{HostsEntry, HostsSource, NameServer, OddLine, ResolvConf, ResolverOptions};

/// Longest text of an odd line that is kept, characters.
const KEPT: usize = 120;

fn odd(file: &str, line: usize, text: &str) -> OddLine {
    OddLine { file: file.to_owned(), line: line + 1, text: text.chars().take(KEPT).collect() }
}

/// The rest of a line that begins with this word and a blank. glibc takes no blanks in front (`MATCH` in res_init.c).
fn after<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(word)?;
    rest.starts_with([' ', '\t']).then(|| rest.trim_matches([' ', '\t', '\r']))
}

impl ResolvConf {
    /// Reads the text of a resolv.conf, and what of it is not understood.
    #[must_use]
    pub fn parse(text: &str) -> (Self, Vec<OddLine>) {
        let (mut conf, mut not_known) = (Self::default(), Vec::new());
        for (n, line) in text.lines().enumerate() {
            if line.starts_with([';', '#']) || line.trim().is_empty() {
                continue;
            }
            let mut strange = |text: &str| not_known.push(odd("resolv.conf", n, text));
            if let Some(rest) = after(line, "nameserver") {
                match name_server(rest.split([' ', '\t']).next().unwrap_or_default()) {
                    Some(server) => conf.nameservers.push(server),
                    None => strange(line),
                }
            } else if let Some(rest) = after(line, "search") {
                // The last of `search` and `domain` counts; an empty one does not.
                let list: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
                if list.is_empty() { strange(line) } else { conf.search = list }
            } else if let Some(rest) = after(line, "domain") {
                match rest.split([' ', '\t']).next().filter(|d| !d.is_empty()) {
                    Some(domain) => conf.search = vec![domain.to_owned()],
                    None => strange(line),
                }
            } else if let Some(rest) = after(line, "options") {
                for word in rest.split_whitespace() {
                    if !conf.options.take(word) {
                        strange(word);
                    }
                }
            } else {
                strange(line);
            }
        }
        (conf, not_known)
    }
}

impl ResolverOptions {
    /// Takes one word; false where it is not known.
    fn take(&mut self, word: &str) -> bool {
        let limited = |text: &str, most: u32| number(text).map(|n| n.min(most));
        if let Some(text) = word.strip_prefix("ndots:") {
            return limited(text, 15).map(|n| self.ndots = n).is_some();
        }
        if let Some(text) = word.strip_prefix("timeout:") {
            return limited(text, 30).map(|n| self.timeout = n).is_some();
        }
        if let Some(text) = word.strip_prefix("attempts:") {
            return limited(text, 5).map(|n| self.attempts = n).is_some();
        }
        match word {
            "rotate" => self.rotate = true,
            "use-vc" => self.use_vc = true,
            "single-request" => self.single_request = true,
            "single-request-reopen" => self.single_request_reopen = true,
            "edns0" => self.edns0 = true,
            "trust-ad" => self.trust_ad = true,
            "no-aaaa" => self.no_aaaa = true,
            "no-tld-query" | "no_tld_query" => self.no_tld_query = true,
            // Both change nothing about what is asked.
            "no-reload" | "debug" => {}
            _ => return false,
        }
        true
    }
}

/// The digits in front, as `atoi` reads them; `None` where there are none.
fn number(text: &str) -> Option<u32> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    if digits.is_empty() { None } else { Some(digits.parse().unwrap_or(u32::MAX)) }
}

fn name_server(text: &str) -> Option<NameServer> {
    if let Some(v4) = inet_aton(text) {
        return Some(NameServer { address: IpAddr::V4(v4), scope: None });
    }
    let (address, scope) = match text.split_once('%') {
        Some((address, scope)) => (address, Some(scope.to_owned())),
        None => (text, None),
    };
    let address = address.parse::<Ipv6Addr>().ok()?;
    Some(NameServer { address: IpAddr::V6(address), scope })
}

/// `a.b.c.d`, `a.b.c`, `a.b`, `a`: the last number fills what is left (inet_aton(3)).
fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').map(part).collect::<Option<_>>()?;
    let (last, front) = parts.split_last()?;
    if front.len() > 3 || front.iter().any(|p| *p > 255) {
        return None;
    }
    let left = 32 - 8 * u32::try_from(front.len()).ok()?;
    if left < 32 && *last >> left != 0 {
        return None;
    }
    let high = front.iter().enumerate().map(|(i, p)| p << (24 - 8 * i)).sum::<u32>();
    Some(Ipv4Addr::from_bits(high | last))
}

/// A number: `0x` hexadecimal, `0` octal, else decimal.
fn part(text: &str) -> Option<u32> {
    if text.starts_with(['+', '-']) {
        return None;
    }
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => u32::from_str_radix(text, 8).ok(),
        None => text.parse().ok(),
    }
}

impl HostsEntry {
    /// Reads the text of a hosts file (hosts(5)), and what of it is not understood.
    #[must_use]
    pub fn parse_all(text: &str) -> (Vec<Self>, Vec<OddLine>) {
        let (mut all, mut not_known) = (Vec::new(), Vec::new());
        for (n, line) in text.lines().enumerate() {
            let content = line.split('#').next().unwrap_or_default();
            let mut words = content.split_whitespace();
            let Some(address) = words.next() else { continue };
            let names: Vec<String> = words.map(str::to_owned).collect();
            match address.parse() {
                Ok(address) if !names.is_empty() => all.push(Self { address, names }),
                _ => not_known.push(odd("hosts", n, line)),
            }
        }
        (all, not_known)
    }
}

impl HostsSource {
    /// The line `hosts:` of an nsswitch.conf (nsswitch.conf(5)); `None` where there is none.
    #[must_use]
    pub fn parse_order(text: &str) -> (Option<Vec<Self>>, Vec<OddLine>) {
        let (mut order, mut not_known) = (None, Vec::new());
        for (n, line) in text.lines().enumerate() {
            let content = line.split('#').next().unwrap_or_default();
            let Some(("hosts", mut rest)) = content.split_once(':').map(|(k, v)| (k.trim(), v.trim())) else {
                continue;
            };
            let mut all: Vec<Self> = Vec::new();
            while !rest.is_empty() {
                if let Some(inside) = rest.strip_prefix('[') {
                    let (actions, behind) = inside.split_once(']').unwrap_or((inside, ""));
                    match all.last_mut() {
                        Some(last) => last.actions.extend(actions.split_whitespace().map(str::to_owned)),
                        None => not_known.push(odd("nsswitch.conf", n, actions)),
                    }
                    rest = behind.trim_start();
                } else {
                    let end = rest.find(|c: char| c.is_whitespace() || c == '[').unwrap_or(rest.len());
                    let (name, behind) = rest.split_at(end);
                    all.push(Self { name: name.to_owned(), actions: Vec::new() });
                    rest = behind.trim_start();
                }
            }
            order = Some(all);
        }
        (order, not_known)
    }
}
