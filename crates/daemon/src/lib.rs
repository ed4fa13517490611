//! What star's daemons share.
//!
//! | module | its one job |
//! | --- | --- |
//! | [`target`] | a URL that can be checked |
//! | [`check`] | one check of a target, from name to response, and why it failed |
//! | [`pulse`] | whether this process ran all the time |
//! | [`verdict`] | what a check that says nothing changes |
//! | [`text`] | somebody else's text, bounded |
//! | [`poll`] | when the next check starts |
//! | [`serve`] | HTTP to anybody, within bounds |
//! | [`room`] | open files and memory, shared out between serving and checking |
//! | `capability` | the right to listen on a low port without root |
//! | [`cli`] | arguments to a running process, and its last line when it fails |
//! | [`echo`] | what a check over UDP asks for, and what answers it |
//! | [`follow`] | a file that is read again when it changes |
//! | [`process`] | a daemon's log, listener and signals |
//! | [`telemetry`] | logs |
//! | [`supervise`] | signals, and the end of a task |

mod capability;
pub mod check;
pub mod cli;
pub mod echo;
pub mod follow;
pub mod poll;
pub mod process;
pub mod pulse;
pub mod room;
pub mod serve;
pub mod supervise;
pub mod target;
pub mod telemetry;
pub mod text;
pub mod verdict;
