//! One question to one name server, and the answer to it.

use std::io;
use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::{DEFAULT_MAX_PAYLOAD_LEN, Edns, Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;

use crate::check::connect;

/// How many records of an answer are looked at. By TCP a server can send thousands, each compared at each step of a chain.
const MAX_RECORDS: usize = 256;

/// How many steps a chain of other words for a name may have.
const MAX_ALIASES: usize = 16;

/// What a server says of a name.
pub(super) enum Answer {
    Addresses(Vec<IpAddr>),
    /// It exists, without such an address.
    OfAnotherKind,
    NoSuchName,
}

/// Why a server gave no answer that can be used. The next one may.
#[derive(Debug, thiserror::Error)]
pub(in crate::check) enum Refusal {
    #[error("it cannot be asked: {0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Code(ResponseCode),
    #[error("it knows nothing of the name, and nobody to ask")]
    Referral,
    #[error("its answer is none")]
    Invalid,
}

impl Refusal {
    /// Whether this machine could not even ask: it is out of files, memory or ports.
    pub(super) fn is_local(&self) -> bool {
        matches!(self, Self::Io(error) if connect::is_local(error))
    }
}

/// A name and a kind of address.
pub(super) struct Question {
    name: Name,
    kind: RecordType,
    edns0: bool,
    by_tcp: bool,
}

impl Question {
    /// Asked by TCP at once if `by_tcp`; with room for long answers if `edns0`.
    pub(super) fn new(name: Name, kind: RecordType, edns0: bool, by_tcp: bool) -> Self {
        Self { name, kind, edns0, by_tcp }
    }

    /// Asks `server` once. Each time from another port, by which a cluster's balancer may choose another server, and
    /// which no other question shares: two packets of one new flow can race in the node's connection tracking
    /// (kubernetes/kubernetes#56903).
    pub(super) async fn ask(&self, server: SocketAddr) -> Result<Answer, Refusal> {
        let mut query = Message::query();
        query.add_query(Query::query(self.name.clone(), self.kind));
        query.metadata.recursion_desired = true;
        if self.edns0 {
            let mut edns = Edns::new();
            edns.set_max_payload(DEFAULT_MAX_PAYLOAD_LEN);
            query.set_edns(edns);
        }
        let packet = query.to_vec().map_err(|_| Refusal::Invalid)?;
        let reply = match self.by_tcp {
            true => None,
            false => Some(self.by_udp(server, query.id, &packet).await?).filter(|reply| !reply.truncation),
        };
        match reply {
            Some(reply) => self.read(&reply),
            None => self.read(&self.by_tcp(server, query.id, &packet).await?),
        }
    }

    async fn by_udp(&self, server: SocketAddr, id: u16, packet: &[u8]) -> Result<Message, Refusal> {
        let socket = Socket::new(Domain::for_address(server), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
        // From now on the kernel drops what others send, and tells when nobody listens there.
        socket.connect(&server.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        socket.send(packet).await?;
        let mut reply = Vec::with_capacity(4096);
        loop {
            reply.clear();
            socket.recv_buf(&mut reply).await?;
            if !reply.starts_with(&id.to_be_bytes()) {
                continue;
            }
            let reply = Message::from_vec(&reply).map_err(|_| Refusal::Invalid)?;
            if self.is_answered_by(&reply, id) {
                return Ok(reply);
            }
        }
    }

    /// The connection is not kept: established, it would outlive a policy that denies it.
    async fn by_tcp(&self, server: SocketAddr, id: u16, packet: &[u8]) -> Result<Message, Refusal> {
        let mut stream = connect::to(server).await?;
        let length = u16::try_from(packet.len()).map_err(|_| Refusal::Invalid)?;
        stream.write_all(&[&length.to_be_bytes()[..], packet].concat()).await?;
        let mut reply = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut reply).await?;
        let reply = Message::from_vec(&reply).map_err(|_| Refusal::Invalid)?;
        if self.is_answered_by(&reply, id) { Ok(reply) } else { Err(Refusal::Invalid) }
    }

    /// Whether `reply` is to this very question (RFC 5452).
    fn is_answered_by(&self, reply: &Message, id: u16) -> bool {
        let [query] = &*reply.queries else {
            // Some servers leave the question out where they fail.
            return reply.id == id
                && reply.message_type == MessageType::Response
                && reply.queries.is_empty()
                && !matches!(reply.response_code, ResponseCode::NoError | ResponseCode::NXDomain);
        };
        reply.id == id
            && reply.message_type == MessageType::Response
            && query.query_type == self.kind
            && query.name.eq_ignore_root(&self.name)
    }

    fn read(&self, reply: &Message) -> Result<Answer, Refusal> {
        match reply.response_code {
            ResponseCode::NXDomain => Ok(Answer::NoSuchName),
            // As glibc: such a server only points at others.
            ResponseCode::NoError if reply.answers.is_empty() && !reply.authoritative && !reply.recursion_available => {
                Err(Refusal::Referral)
            }
            ResponseCode::NoError => Ok(match self.addresses(reply) {
                none if none.is_empty() => Answer::OfAnotherKind,
                addresses => Answer::Addresses(addresses),
            }),
            code => Err(Refusal::Code(code)),
        }
    }

    /// The addresses of the name that was asked for, or of the one that it is another word for.
    fn addresses(&self, reply: &Message) -> Vec<IpAddr> {
        let records = &reply.answers[..reply.answers.len().min(MAX_RECORDS)];
        let mut owner = &self.name;
        // Bounded: a chain may lead in a circle.
        for _ in 0..=MAX_ALIASES {
            let (mut alias, mut addresses) = (None, Vec::new());
            for record in records.iter().filter(|record| record.name.eq_ignore_root(owner)) {
                match &record.data {
                    RData::CNAME(target) => alias = alias.or(Some(&target.0)),
                    data if record.record_type() == self.kind => addresses.extend(data.ip_addr()),
                    _ => {}
                }
            }
            match alias {
                Some(alias) if addresses.is_empty() => owner = alias,
                _ => return addresses,
            }
        }
        Vec::new()
    }
}

/// Whether a server's reply answers the question that it repeats; for a fuzz target.
#[cfg(feature = "fuzzing")]
pub(in crate::check) fn is_reply(reply: &[u8]) -> bool {
    let Ok(reply) = Message::from_vec(reply) else { return false };
    let Some(query) = reply.queries.first() else { return false };
    let question = Question::new(query.name.clone(), query.query_type, false, false);
    question.is_answered_by(&reply, reply.id) && question.read(&reply).is_ok()
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::OpCode;
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::{A, CNAME};

    use super::*;

    fn name(number: usize) -> Name {
        format!("n{number}.test.").parse().unwrap()
    }

    fn alias(from: usize, to: usize) -> Record {
        Record::from_rdata(name(from), 0, RData::CNAME(CNAME(name(to))))
    }

    fn address(of: usize) -> Record {
        Record::from_rdata(name(of), 0, RData::A(A([10, 0, 0, 1].into())))
    }

    /// How many addresses are found for `n0.test` among `records`.
    fn found(records: impl IntoIterator<Item = Record>) -> usize {
        let mut reply = Message::new(0, MessageType::Response, OpCode::Query);
        reply.answers.extend(records);
        Question::new(name(0), RecordType::A, false, false).addresses(&reply).len()
    }

    #[test]
    fn a_chain_of_aliases_is_followed_in_any_order_to_a_bound() {
        let chain = |steps: usize| (0..steps).map(|step| alias(step, step + 1)).chain([address(steps)]);
        assert_eq!(found(chain(MAX_ALIASES)), 1);
        assert_eq!(found(chain(MAX_ALIASES).collect::<Vec<_>>().into_iter().rev()), 1);
        assert_eq!(found(chain(MAX_ALIASES + 1)), 0);
        assert_eq!(found([alias(0, 1), alias(1, 0)]), 0);
    }

    #[test]
    fn of_thousands_of_records_only_the_first_are_looked_at() {
        assert_eq!(found((0..5_000).map(|_| address(0))), MAX_RECORDS);
        assert_eq!(found((0..5_000).map(|_| alias(0, 0)).chain([address(0)])), 0);
    }
}
