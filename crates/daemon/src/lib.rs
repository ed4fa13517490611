//! What star's daemons share.
//!
//! | module | its one job |
//! | --- | --- |
//! | [`target`] | a URL that can be checked |
//! | [`check`] | one check of a target, from name to response, and why it failed |
//! | [`poll`] | when the next check starts |
//! | [`serve`] | HTTP to anybody, within bounds |
//! | [`room`] | open files and memory, shared out between serving and checking |
//! | `capability` | the right to listen on a low port without root |
//! | [`cli`] | arguments to a running process, and its last line when it fails |
//! | [`process`] | a daemon's log, listener and signals |
//! | [`telemetry`] | logs |
//! | [`supervise`] | signals, and the end of a task |

mod capability;
pub mod check;
pub mod cli;
pub mod poll;
pub mod process;
pub mod room;
pub mod serve;
pub mod supervise;
pub mod target;
pub mod telemetry;
