//! A device of the node and the namespace at its other end.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use plumb_kernel::NamespaceHandle;

use super::network::failed;
use super::tap::{Injector, Tap};
use crate::error::Result;
use crate::netns::Namespace;
use crate::shell;

/// A device of the node and the namespace at its other end; `$n` is its number, from which its addresses come,
/// and `$h` the same in hexadecimal.
const LINK: &str = r#"
port="$device"
if [ "$bridge" = yes ]; then
  port="port$n"
  ip -n "$node" link add "$device" address 02:00:00:00:$h:01 type bridge
fi
ip -n "$node" link add "$port" type veth peer name eth0 address 02:00:00:00:$h:02 netns "$far"
if [ "$bridge" = yes ]; then
  ip -n "$node" link set "$port" master "$device" up
else
  ip -n "$node" link set "$device" address 02:00:00:00:$h:01
fi
ip -n "$far" link set eth0 up; ip -n "$node" link set "$device" up
for end in "$node $device 1" "$far eth0 2"; do
  set -- $end
  ip -n "$1" addr add "198.18.$n.$3/24" dev "$2"; ip -n "$1" addr add "fd18:$h::$3/64" dev "$2" nodad
done
neigh() { ip -n "$1" neigh replace "$2" lladdr "$3" dev "$4" nud permanent; }
neigh "$node" "198.18.$n.2" "02:00:00:00:$h:02" "$device"; neigh "$node" "fd18:$h::2" "02:00:00:00:$h:02" "$device"
neigh "$far" "198.18.$n.1" "02:00:00:00:$h:01" eth0; neigh "$far" "fd18:$h::1" "02:00:00:00:$h:01" eth0
ip -n "$far" route add default via "198.18.$n.1"; ip -n "$far" -6 route add default via "fd18:$h::1"
if [ "$n" = 0 ]; then
  ip -n "$node" route add default via 198.18.0.2; ip -n "$node" -6 route add default via fd18:0::2
fi
"#;

/// Port of the sentinels.
const SENTINEL_PORT: u16 = 9;
/// Longest that a sentinel may take, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A device of the node.
#[derive(Debug)]
pub(super) struct Link {
    /// Its name, in the node's namespace.
    pub(super) device: String,
    /// Sends from the other end.
    pub(super) injector: Injector,
    /// Sees what comes to the other end.
    pub(super) tap: Tap,
    number: u8,
    handle: NamespaceHandle,
    _far: Namespace,
}

impl Link {
    /// Makes it; `number` is its place among the node's, from 0.
    pub(super) fn build(prefix: &str, node: &str, number: usize, device: &str, bridge: bool) -> Result<Self> {
        let number = u8::try_from(number).ok().filter(|n| *n < 100);
        let number = number.ok_or_else(|| failed("make a device")("there are a hundred already"))?;
        let name = format!("{prefix}far{number}");
        let far = Namespace::create(name.clone())?;
        let bridge = if bridge { "yes" } else { "no" };
        let variables = [
            ("node", node.to_owned()),
            ("far", name.clone()),
            ("n", number.to_string()),
            ("h", format!("{number:02x}")),
            ("device", device.to_owned()),
            ("bridge", bridge.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        shell::run(&format!("making the device {device}"), LINK, &variables)?;
        let handle = NamespaceHandle::open(format!("/run/netns/{name}")).map_err(failed("enter"))?;
        Ok(Self {
            device: device.to_owned(),
            injector: Injector::open(&handle)?,
            tap: Tap::open(&handle)?,
            number,
            handle,
            _far: far,
        })
    }

    /// Address of the other end.
    pub(super) fn far(&self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.number, 2)
    }

    /// The node's address.
    pub(super) fn near(&self) -> [std::net::IpAddr; 2] {
        [
            Ipv4Addr::new(198, 18, self.number, 1).into(),
            std::net::Ipv6Addr::new(0xfd18, self.number.into(), 0, 0, 0, 0, 0, 1).into(),
        ]
    }

    /// Where routes by this device lead.
    pub(super) fn gateway(&self, v4: bool) -> String {
        if v4 { self.far().to_string() } else { format!("fd18:{:x}::2", self.number) }
    }

    /// A socket at the other end for sentinels to the other end of another.
    pub(super) fn sentinel(&self, to: &Self) -> Result<UdpSocket> {
        let [from, to] = [self, to].map(|l| SocketAddr::from((l.far(), SENTINEL_PORT)));
        let make = || {
            let socket = UdpSocket::bind(from)?;
            socket.connect(to)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            Ok::<_, std::io::Error>(socket)
        };
        self.handle.run(make).map_err(failed("enter"))?.map_err(failed("make a sentinel's socket"))
    }
}
