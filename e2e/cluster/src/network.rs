//! How the machines are wired: a bridge on the control plane's, a cable from each node to it, static
//! routes between the pods' ranges. The host's own addresses and tables are never touched, and no
//! packet leaves: pods reach each other, Services and the API server, and nothing else.

use std::net::Ipv4Addr;

use crate::machine::Machine;

/// The control plane's address on the bridge.
pub(crate) const CONTROL: Ipv4Addr = Ipv4Addr::new(10, 240, 0, 1);
/// Where the DNS Service is.
pub(crate) const DNS: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);

/// How many nodes there can be: their addresses go from 10.240.0.11 on.
pub(crate) const MOST_NODES: u8 = 20;

/// A node's place in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// From 1 on.
    pub(crate) ordinal: u8,
    /// How many nodes there are.
    pub(crate) of: u8,
}

impl Place {
    pub(crate) fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 240, 0, 10 + self.ordinal)
    }

    /// The range of its pods.
    pub(crate) fn pods(self) -> String {
        format!("10.244.{}.0/24", self.ordinal)
    }

    fn others(self) -> impl Iterator<Item = Self> {
        let all = (1..=self.of).map(move |ordinal| Self { ordinal, ..self });
        all.filter(move |other| *other != self)
    }
}

/// The bridge's own address. Without one it has its lowest port's, and another as soon as that node dies:
/// the others would find the API server no more until they ask for it anew.
const BRIDGE: &str = "02:00:0a:f0:00:01";

/// Lays the bridge.
pub(crate) async fn lay_bridge(control: &Machine) -> anyhow::Result<()> {
    let script = format!(
        "ip link add br0 address {BRIDGE} type bridge
         ip addr add {CONTROL}/24 dev br0
         ip link set br0 up
         sysctl -qw net.ipv4.ip_forward=1"
    );
    control.run(&script).await.map(drop)
}

/// Plugs a node in.
pub(crate) async fn plug_in(control: &Machine, node: &Machine, at: Place) -> anyhow::Result<()> {
    let (pods, address) = (at.pods(), at.address());
    // A machine that was switched off a moment ago may not have dropped its end yet.
    let cable = format!(
        "ip link delete node{0} 2>/dev/null || true
         ip link add node{0} type veth peer name eth0 netns {1}
         ip link set node{0} master br0 up
         ip route replace {pods} via {address}",
        at.ordinal, node.pid
    );
    control.run_on_network(&cable).await?;
    let routes = at.others().map(|to| format!("ip route add {} via {}\n", to.pods(), to.address()));
    let script = format!(
        "ip addr add {address}/24 dev eth0
         ip link set eth0 up
         ip route add default via {CONTROL}
         sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1
         {}",
        routes.collect::<String>()
    );
    node.run(&script).await.map(drop)
}
