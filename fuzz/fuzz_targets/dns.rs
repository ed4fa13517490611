//! Any bytes as a name server's reply.
#![no_main]

use libfuzzer_sys::fuzz_target;
use star_daemon::check::fuzzing::dns_reply;
use star_fuzz::{bounded, timed};

fuzz_target!(|reply: &[u8]| bounded(|| timed(|| _ = dns_reply(reply))));
