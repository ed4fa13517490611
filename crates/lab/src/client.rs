//! The second terminal: asks a running lab, and prints what it says.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use star_netpol::manifest;

use crate::args::{ApplyArgs, Command, DeleteArgs, DescribeArgs, ExecArgs, GetArgs, LogArgs, PodArgs, WalkArgs};
use crate::control::{self, Answer, Request};
use crate::walk;

/// How long a lab may take to end.
const END: Duration = Duration::from_secs(10);

/// Between two looks at a log that is followed.
const AGAIN: Duration = Duration::from_millis(100);

/// Asks a running lab for what `command` wants, and prints what it says.
///
/// # Errors
///
/// When no lab answers.
pub(crate) fn ask(command: Command) -> anyhow::Result<ExitCode> {
    match obey(command) {
        Err(error) if error.is::<Closed>() => Ok(ExitCode::SUCCESS),
        result => result,
    }
}

fn obey(command: Command) -> anyhow::Result<ExitCode> {
    let (request, which) = match command {
        Command::Apply(ApplyArgs { filenames, namespace, which }) => {
            (Request::Apply { files: texts(&filenames)?, namespace }, which)
        }
        Command::Delete(args) => return delete(args),
        Command::Get(GetArgs { args, selector, namespace, all_namespaces, output, ignore_not_found, which }) => {
            let namespace = (!all_namespaces).then_some(namespace);
            let output = output.unwrap_or_default();
            (Request::Get { args, selector, namespace, output, ignore_not_found }, which)
        }
        Command::Describe(DescribeArgs { args, selector, namespace, which }) => {
            (Request::Describe { args, selector, namespace }, which)
        }
        Command::Exec(ExecArgs { pod, namespace, command, which }) => {
            (Request::Exec { pod, command, namespace }, which)
        }
        Command::Kill(PodArgs { pod, which }) => (Request::Kill(pod), which),
        Command::Start(PodArgs { pod, which }) => (Request::Start(pod), which),
        Command::Logs(args) => return logs(args),
        Command::Walk(WalkArgs { no_pause, which }) => return walk::walk(which.lab, !no_pause),
        Command::Down(which) => return down(which.lab),
        Command::Up(_) => bail!("a lab is started before its runtime"),
    };
    answered(say(which.lab, &request)?)
}

/// Prints what a lab answered.
fn answered(answer: Answer) -> anyhow::Result<ExitCode> {
    let Answer { told, warned, refused, code, enforced_ns: _ } = answer;
    print(told.as_bytes())?;
    complain(warned.iter().chain(&refused));
    Ok(code.map_or(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }, ExitCode::from))
}

/// Says lines on stderr, if anybody still listens.
fn complain<'l>(lines: impl IntoIterator<Item = &'l String>) {
    for line in lines {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// Prints what was asked for.
///
/// # Errors
///
/// When nobody reads it any more ([`Closed`]), or it cannot be written.
pub(crate) fn print(text: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Closed.into()),
        written => written.context("stdout cannot be written"),
    }
}

/// Nobody reads what is printed any more, as in `star-lab walk | head -1`. No failure, but nothing more is to be done.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads this any more")]
pub(crate) struct Closed;

/// Says `request` to the lab `lab`, or to the only one that runs.
///
/// # Errors
///
/// When it does not answer.
pub(crate) fn say(lab: Option<u32>, request: &Request) -> anyhow::Result<Answer> {
    let (pid, socket) = control::find(lab)?;
    control::ask(&socket, request).with_context(|| format!("the lab {pid}"))
}

fn texts(paths: &[PathBuf]) -> anyhow::Result<Vec<control::File>> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(manifest::texts(path)?);
    }
    Ok(files)
}

fn delete(args: DeleteArgs) -> anyhow::Result<ExitCode> {
    let DeleteArgs { args, filenames, selector, all, ignore_not_found, namespace, which } = args;
    let request = match args.is_empty() {
        true => Request::Delete { files: texts(&filenames)?, namespace, ignore_not_found },
        false => {
            let namespace = namespace.unwrap_or_else(|| "default".to_owned());
            let selector = selector.or(all.then(String::new));
            Request::DeleteNamed { args, selector, namespace, ignore_not_found }
        }
    };
    answered(say(which.lab, &request)?)
}

fn logs(LogArgs { pod, container, namespace, follow, which }: LogArgs) -> anyhow::Result<ExitCode> {
    let Answer { told, refused, .. } = say(which.lab, &Request::Log { pod, container, namespace })?;
    if !refused.is_empty() {
        complain(&refused);
        return Ok(ExitCode::FAILURE);
    }
    let path = Path::new(&told);
    let mut log = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut text = Vec::new();
    loop {
        text.clear();
        log.read_to_end(&mut text)?;
        print(&text)?;
        // It is gone when the lab is.
        if !follow || !path.exists() {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(AGAIN);
    }
}

/// Asks the lab to end, and waits until it has.
fn down(lab: Option<u32>) -> anyhow::Result<ExitCode> {
    let (pid, _) = control::find(lab)?;
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no process id")?;
    let process = pidfd_open(process, PidfdFlags::empty()).with_context(|| format!("the lab {pid} is gone"))?;
    pidfd_send_signal(&process, Signal::TERM).with_context(|| format!("the lab {pid} cannot be asked to end"))?;
    let deadline = END.try_into().context("a deadline out of range")?;
    let ended = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&deadline)).context("cannot wait for it")?;
    ensure!(ended > 0, "the lab {pid} has not ended within {END:?}");
    print(format!("lab {pid} ended\n").as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
