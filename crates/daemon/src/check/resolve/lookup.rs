//! One look-up of a name: every name that it may stand for, at every name server, until one has an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use hickory_proto::rr::{Name, RecordType};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::question::{Answer, Question, Refusal};
use super::{Problem, Rules};

/// How long a question stays unanswered before it is asked again.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// How long a server may be silent before the next one is asked, too. A lost packet is asked again within it; a second
/// of deadline leaves time for three servers. glibc would wait for five seconds.
const HEAD_START: Duration = Duration::from_millis(200);

/// In how many questions a server must have been silent for its head start before it gets none in this look-up: more than
/// one name's two kinds, for a lost packet or a slow moment must not let the next server deny what the first one knows.
const SILENCES: usize = 3;

/// How long the other kind of address is waited for when the answer to one is that the name does not exist, or a failure,
/// before the next name is asked for, too.
const OTHER_KIND_AFTER: Duration = Duration::from_millis(100);

/// A look-up that is under way. It keeps no answer.
pub(in crate::check) struct Lookup {
    rules: Arc<Rules>,
    name: Arc<str>,
    /// Two questions at a time write here; locked for an assignment.
    progress: Mutex<Progress>,
}

struct Progress {
    /// What is wrong so far.
    problem: Problem,
    /// In how many questions each server was silent for its head start since it last said anything.
    silences: Vec<usize>,
}

/// The addresses of a name.
pub(in crate::check) struct Addresses<'a> {
    /// Of the kind that was answered first; never empty.
    pub(in crate::check) first: Vec<IpAddr>,
    /// Of the other kind, once it is answered; perhaps none.
    pub(in crate::check) later: Option<BoxFuture<'a, Vec<IpAddr>>>,
}

impl Addresses<'_> {
    /// These and no others.
    pub(in crate::check) fn only(first: Vec<IpAddr>) -> Self {
        Self { first, later: None }
    }
}

/// What one question came to; no answer if the servers fail.
struct Reply {
    kind: RecordType,
    again: bool,
    answer: Option<Answer>,
}

/// A name that may be meant, and the questions about it that are open.
struct Candidate<'a> {
    lookup: &'a Lookup,
    name: Name,
    asking: FuturesUnordered<BoxFuture<'a, Reply>>,
    /// How many kinds were asked for and had no reply, nor a failure.
    silent: usize,
    /// The next name waits for it.
    leads: bool,
}

enum Outcome<'a> {
    Found(Addresses<'a>),
    /// The answers for all kinds are that there is none. With it, whether the next name waited for that.
    None(bool),
    /// Somebody fails, or is silent. The next name's turn, while this one is asked for on.
    Open(Candidate<'a>),
}

impl<'a> Candidate<'a> {
    fn new(lookup: &'a Lookup, name: Name) -> Self {
        let kinds = if lookup.rules.conf.no_aaaa { &[RecordType::A][..] } else { &[RecordType::A, RecordType::AAAA] };
        let candidate = Self { lookup, name, asking: FuturesUnordered::new(), silent: kinds.len(), leads: true };
        for kind in kinds {
            candidate.ask(*kind, false);
        }
        candidate
    }

    /// Asks for a kind of address; `again`: after a failure, in a moment.
    fn ask(&self, kind: RecordType, again: bool) {
        let Self { lookup, name, .. } = self;
        let (lookup, conf) = (*lookup, &lookup.rules.conf);
        let question = Question::new(name.clone(), kind, conf.edns0, conf.use_vc);
        let asking = async move {
            if again {
                sleep(ASK_AGAIN_AFTER).await;
            }
            Reply { kind, again, answer: lookup.ask(&question).await }
        };
        self.asking.push(asking.boxed());
    }

    /// Waits for what decides. The answer for one kind never ends the question for the other.
    async fn outcome(mut self) -> Outcome<'a> {
        let mut until = None;
        loop {
            let reply = match until {
                None => self.asking.next().await,
                Some(until) => match timeout_at(until, self.asking.next()).await {
                    Ok(reply) => reply,
                    Err(_) => return self.passes(),
                },
            };
            let Some(Reply { kind, again, answer }) = reply else { return Outcome::None(self.leads) };
            self.silent -= usize::from(!again);
            match answer {
                Some(Answer::Addresses(first)) => {
                    let mut asking = self.asking;
                    let other = async move {
                        match asking.next().await.and_then(|reply| reply.answer) {
                            Some(Answer::Addresses(addresses)) => addresses,
                            _ => Vec::new(),
                        }
                    };
                    return Outcome::Found(Addresses { first, later: Some(other.boxed()) });
                }
                Some(Answer::OfAnotherKind) => continue,
                // It counts for all kinds (RFC 8020), but some servers mean only the one.
                Some(Answer::NoSuchName) => {}
                // Who fails now may answer in a moment: the deadline decides.
                None => self.ask(kind, true),
            }
            if self.leads && !self.asking.is_empty() {
                if self.silent == 0 {
                    return self.passes();
                }
                until = Some(Instant::now() + OTHER_KIND_AFTER);
            }
        }
    }

    fn passes(self) -> Outcome<'a> {
        Outcome::Open(Self { leads: false, ..self })
    }
}

impl Lookup {
    pub(super) fn new(rules: Arc<Rules>, name: &Arc<str>) -> Self {
        let progress = Progress { problem: Problem::Silence, silences: vec![0; rules.conf.servers.len()] };
        Self { rules, name: Arc::clone(name), progress: Mutex::new(progress) }
    }

    /// What is wrong so far, for who waits no longer.
    pub(in crate::check) fn problem(&self) -> Problem {
        std::mem::replace(&mut self.progress().problem, Problem::Silence)
    }

    /// The addresses of the name, as soon as there are any of one kind.
    pub(in crate::check) async fn addresses(&self) -> Result<Addresses<'_>, Problem> {
        if let Some(known) = self.rules.hosts.get(&self.name) {
            return Ok(Addresses::only(known.to_vec()));
        }
        let Ok(name) = Name::from_ascii(&self.name) else { return Err(Problem::NoSuchName) };
        if name.is_localhost() {
            return Ok(Addresses::only(vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]));
        }
        let mut names = self.rules.conf.candidates(name).into_iter();
        let mut racing = FuturesUnordered::new();
        loop {
            racing.extend(names.next().map(|name| Candidate::new(self, name).outcome()));
            loop {
                match racing.next().await {
                    // Every name was asked for, and each kind of each had its answer.
                    None => return Err(Problem::NoSuchName),
                    Some(Outcome::Found(addresses)) => return Ok(addresses),
                    Some(Outcome::None(leads)) if leads => break,
                    Some(Outcome::None(_)) => {}
                    Some(Outcome::Open(candidate)) => {
                        racing.push(candidate.outcome());
                        break;
                    }
                }
            }
        }
    }

    /// Asks the servers in their order, each again and again; `None` when those that are not silent fail.
    ///
    /// The next one is asked when those before it fail, or are silent for a while; they are asked on. Who is silent in one
    /// question after the other is not waited for any more.
    async fn ask(&self, question: &Question) -> Option<Answer> {
        let servers = &*self.rules.conf.servers;
        let mut racing = FuturesUnordered::new();
        let attempt = |index: usize| async move { (index, question.ask(servers[index]).await) };
        let mut failed = vec![false; servers.len()];
        let silent = self.progress().silences.iter().take_while(|silences| **silences >= SILENCES).count();
        let mut asked = (silent + 1).min(servers.len());
        let mut next_at = Instant::now() + HEAD_START;
        loop {
            racing.extend((0..asked).filter(|index| !failed[*index]).map(attempt));
            let again = sleep_until(Instant::now() + ASK_AGAIN_AFTER);
            tokio::pin!(again);
            loop {
                tokio::select! {
                    biased;
                    Some((index, reply)) = racing.next() => match reply {
                        Ok(answer) => {
                            self.progress().silences[index] = 0;
                            return Some(answer);
                        }
                        Err(error) => {
                            self.note(index, error);
                            failed[index] = true;
                            if asked < servers.len() && failed[..asked].iter().all(|failed| *failed) {
                                racing.push(attempt(asked));
                                (asked, next_at) = (asked + 1, Instant::now() + HEAD_START);
                            }
                            if failed.iter().all(|failed| *failed) {
                                return None;
                            }
                        }
                    },
                    () = &mut again => break,
                }
            }
            if Instant::now() < next_at {
                continue;
            }
            if asked < servers.len() {
                if !failed[asked - 1] {
                    self.progress().silences[asked - 1] += 1;
                }
                (asked, next_at) = (asked + 1, Instant::now() + HEAD_START);
            } else if failed.contains(&true) {
                return None;
            }
        }
    }

    fn note(&self, index: usize, error: Refusal) {
        let mut progress = self.progress();
        progress.silences[index] = 0;
        progress.problem = Problem::Failed { server: self.rules.conf.servers[index], error };
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
