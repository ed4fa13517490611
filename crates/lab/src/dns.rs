//! The cluster's DNS: a program that a pod runs, and the names that it knows.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;
use futures_util::TryStreamExt;
use hickory_server::Server;
use hickory_server::proto::rr::rdata::{A, AAAA, SOA};
use hickory_server::proto::rr::{LowerName, Name, RData, Record, RecordSet, RecordType, RrKey};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use inotify::{Inotify, WatchMask};
use star_daemon::{cli, supervise};
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;

use crate::family::{Families, Family};

/// What a cluster calls itself.
pub(crate) const CLUSTER_DOMAIN: &str = "cluster.local";

/// Seconds that an answer may be kept, as CoreDNS says for Kubernetes.
const TTL: u32 = 5;

/// An idle TCP connection is closed after that.
const IDLE: Duration = Duration::from_secs(10);

/// Answers that wait for a slow TCP client.
const ANSWERS: usize = 16;

/// The cluster's own DNS as a manifest, in a lab of these families: its Service is of the first one, as kubeadm has it.
pub(crate) fn manifest(families: Families) -> String {
    let address = if families.has(Family::V6) { "[::]:53" } else { "0.0.0.0:53" };
    let service = families.first().dns().to_string();
    include_str!("dns.yaml").replace("{clusterIP}", &service).replace("{address}", address)
}

/// Names and their addresses.
pub(crate) type Names = BTreeMap<String, Vec<IpAddr>>;

/// The name of a Service, or of one of its pods.
pub(crate) fn service_name(name: &str, namespace: &str) -> String {
    format!("{name}.{namespace}.svc.{CLUSTER_DOMAIN}.")
}

/// A pod's resolv.conf, as the kubelet writes it.
pub(crate) fn resolv_conf(namespace: &str, server: IpAddr) -> String {
    format!(
        "search {namespace}.svc.{CLUSTER_DOMAIN} svc.{CLUSTER_DOMAIN} {CLUSTER_DOMAIN}\nnameserver {server}\noptions ndots:5\n"
    )
}

/// The folder with the names, in the lab's: it alone is shown to the server's pod.
pub(crate) const FOLDER: &str = "dns";

/// The file with the names in it.
pub(crate) const FILE: &str = "names.json";

/// Writes `names` into the lab's folder for a server to read, all or none of them.
pub(crate) fn write(names: &Names, lab: &Path) -> anyhow::Result<()> {
    let folder = lab.join(FOLDER);
    let (draft, file) = (folder.join("draft"), folder.join(FILE));
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&draft, serde_json::to_vec(names)?))
        .and_then(|()| fs::rename(&draft, &file))
        .with_context(|| format!("{} cannot be written", file.display()))
}

/// Answers for the names in a file, and says of all others that there is no such name.
#[derive(Debug, Parser)]
#[command(name = "dns")]
struct Args {
    /// The names, which may be replaced at any time
    #[arg(long, value_name = "PATH")]
    names: PathBuf,
    /// Where to listen, by UDP and TCP
    #[arg(long, env = "STAR_DNS_ADDRESS", default_value = "[::]:53")]
    address: SocketAddr,
}

/// Parses `argv`, runs, and tells how it ended.
pub(crate) fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    cli::main(argv, async |Args { names, address }| {
        let shutdown = CancellationToken::new();
        supervise::until_signal(shutdown.clone(), run(&names, address, shutdown)).await?;
        Ok(ExitCode::SUCCESS)
    })
}

async fn run(file: &Path, address: SocketAddr, shutdown: CancellationToken) -> anyhow::Result<()> {
    // The folder is watched, since the file is replaced; and before it is read, so that no change is missed.
    let folder = file.parent().context("--names: name a file in a folder")?;
    let watch = Inotify::init().context("files cannot be watched")?;
    watch
        .watches()
        .add(folder, WatchMask::MOVED_TO)
        .with_context(|| format!("{} cannot be watched", folder.display()))?;
    let mut changes = watch.into_event_stream([0; 4096])?;

    let root = Name::root();
    let zone: InMemoryZoneHandler = InMemoryZoneHandler::empty(root.clone(), ZoneType::Primary, AxfrPolicy::Deny);
    let zone = Arc::new(zone);
    let mut catalog = Catalog::new();
    catalog.upsert(LowerName::new(&root), vec![zone.clone()]);
    *zone.records_mut().await = records(file)?;

    let mut server = Server::new(catalog);
    server.register_socket(UdpSocket::bind(address).await.with_context(|| format!("UDP {address}"))?);
    let listener = TcpListener::bind(address).await.with_context(|| format!("TCP {address}"))?;
    server.register_listener(listener, IDLE, ANSWERS);
    loop {
        tokio::select! {
            change = changes.try_next() => {
                ensure!(change?.is_some(), "files cannot be watched any more");
                *zone.records_mut().await = records(file)?;
            }
            ended = server.block_until_done() => return ended.context("DNS cannot be served any more"),
            () = shutdown.cancelled() => return Ok(()),
        }
    }
}

fn records(file: &Path) -> anyhow::Result<BTreeMap<RrKey, Arc<RecordSet>>> {
    let text = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let names: Names = serde_json::from_slice(&text).with_context(|| format!("{} holds no names", file.display()))?;
    let mut records = BTreeMap::new();
    let mut add = |name: Name, kind: RecordType, data: Vec<RData>| {
        let mut set = RecordSet::new(name.clone(), kind, 0);
        for data in data {
            set.insert(Record::from_rdata(name.clone(), TTL, data), 0);
        }
        records.insert(RrKey::new(LowerName::new(&name), kind), Arc::new(set));
    };
    let server = Name::from_ascii(format!("ns.dns.{CLUSTER_DOMAIN}."))?;
    let keeper = Name::from_ascii(format!("hostmaster.{CLUSTER_DOMAIN}."))?;
    add(Name::root(), RecordType::SOA, vec![RData::SOA(SOA::new(server, keeper, 1, 7200, 1800, 86400, TTL))]);
    for (name, addresses) in names {
        let name = Name::from_ascii(&name).with_context(|| name.clone())?;
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for address in addresses {
            match address {
                IpAddr::V4(address) => v4.push(RData::A(A(address))),
                IpAddr::V6(address) => v6.push(RData::AAAA(AAAA(address))),
            }
        }
        for (kind, data) in [(RecordType::A, v4), (RecordType::AAAA, v6)] {
            if !data.is_empty() {
                add(name.clone(), kind, data);
            }
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolv_conf_is_as_the_kubelet_writes_it() {
        assert_eq!(
            resolv_conf("stars", IpAddr::from([10, 96, 0, 10])),
            "search stars.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"
        );
    }
}
