//! Any bytes as the body of a probe's status.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use star_fuzz::{bounded, timed};

fuzz_target!(|body: &[u8]| bounded(|| timed(|| star_collect::read_status(Bytes::copy_from_slice(body)))));
