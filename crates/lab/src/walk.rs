//! The lab's five steps, one policy after the other, each with what to look at.

use std::io::BufRead;
use std::process::ExitCode;

use anyhow::ensure;

use crate::client::{print, say};
use crate::control::{Answer, File, Request};
use crate::process::me;

/// A step: what is done, by which files in which namespace, and what to look at then.
struct Step {
    title: &'static str,
    files: &'static [(&'static str, &'static str, Option<&'static str>)],
    look: &'static str,
}

const DENY: (&str, &str) =
    ("manifests/policies/default-deny.yaml", include_str!("../../../manifests/policies/default-deny.yaml"));
const ALLOW_UI: (&str, &str) =
    ("manifests/policies/allow-ui.yaml", include_str!("../../../manifests/policies/allow-ui.yaml"));
const ALLOW_UI_CLIENT: (&str, &str) =
    ("manifests/policies/allow-ui-client.yaml", include_str!("../../../manifests/policies/allow-ui-client.yaml"));
const FRONTEND: (&str, &str) =
    ("manifests/policies/frontend-policy.yaml", include_str!("../../../manifests/policies/frontend-policy.yaml"));
const BACKEND: (&str, &str) =
    ("manifests/policies/backend-policy.yaml", include_str!("../../../manifests/policies/backend-policy.yaml"));

const STEPS: [Step; 5] = [
    Step {
        title: "no policy: everybody reaches everybody",
        files: &[],
        look: "Three nodes, and an edge both ways between each two. A loop is a pod that reaches itself by its own Service.",
    },
    Step {
        title: "default-deny in stars and client: nobody may come in",
        files: &[(DENY.0, DENY.1, Some("stars")), (DENY.0, DENY.1, Some("client"))],
        look: "All goes dark: the page's own collector reaches no probe any more, so that it cannot know their edges either.",
    },
    Step {
        title: "allow-ui: the collector, and it alone, may come in",
        files: &[(ALLOW_UI.0, ALLOW_UI.1, None), (ALLOW_UI_CLIENT.0, ALLOW_UI_CLIENT.1, None)],
        look: "The three nodes are back, and each edge between them says connect_timeout: dropped without a word.",
    },
    Step {
        title: "frontend-policy: client may reach frontend, on TCP 80",
        files: &[(FRONTEND.0, FRONTEND.1, None)],
        look: "One edge comes back: client to frontend. Not the other way: policies name a direction.",
    },
    Step {
        title: "backend-policy: frontend may reach backend, on TCP 6379",
        files: &[(BACKEND.0, BACKEND.1, None)],
        look: "A second edge: frontend to backend. Client reaches frontend, frontend reaches backend, and nothing else is open.",
    },
];

/// Takes the steps in the lab `lab`, or the only one that runs; waits for Enter after each if it is to `pause`.
///
/// # Errors
///
/// When no lab answers, or it refuses a policy.
pub(crate) fn walk(lab: Option<u32>, pause: bool) -> anyhow::Result<ExitCode> {
    let me = me();
    let tell = |text: &str| print(text.as_bytes());
    for (number, Step { title, files, look }) in STEPS.iter().enumerate() {
        tell(&format!("Step {}: {title}\n", number + 1))?;
        if number == 0 {
            // A walk before this one may have left them.
            for of in every_namespace() {
                let told = ask(lab, &remove(of))?;
                if !told.is_empty() {
                    tell(&format!("\n  $ {me} {} --ignore-not-found\n{told}", removal(of)))?;
                }
            }
        }
        for (file, text, namespace) in *files {
            let option = namespace.map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
            tell(&format!("\n  $ {me} apply{option} -f {file}\n"))?;
            let files: Vec<File> = vec![((*file).into(), (*text).to_owned())];
            let told = ask(lab, &Request::Apply { files, namespace: namespace.map(str::to_owned) })?;
            tell(&told)?;
        }
        tell(&format!("\n  {look}\n\n"))?;
        if pause && number + 1 < STEPS.len() {
            tell("Enter: the next step. ")?;
            std::io::stdin().lock().read_line(&mut String::new())?;
        }
    }
    let back: String = every_namespace().map(|of| format!("  {me} {}\n", removal(of))).concat();
    tell(&format!("To go back to the start:\n\n{back}"))?;
    Ok(ExitCode::SUCCESS)
}

/// What the steps have applied, by namespace.
fn every_namespace() -> [(&'static str, &'static [&'static str]); 2] {
    [
        ("stars", &["default-deny", "allow-ui", "frontend-policy", "backend-policy"]),
        ("client", &["default-deny", "allow-ui"]),
    ]
}

/// The command that takes a namespace back to the start.
fn removal((namespace, policies): (&str, &[&str])) -> String {
    format!("delete netpol -n {namespace} {}", policies.join(" "))
}

fn remove((namespace, policies): (&str, &[&str])) -> Request {
    let args = std::iter::once("netpol").chain(policies.iter().copied()).map(str::to_owned).collect();
    Request::DeleteNamed { args, selector: None, namespace: namespace.to_owned(), ignore_not_found: true }
}

/// What the lab says to a request that it must obey, indented.
fn ask(lab: Option<u32>, request: &Request) -> anyhow::Result<String> {
    let Answer { told, refused, .. } = say(lab, request)?;
    ensure!(refused.is_empty(), "{}", refused.join("; "));
    Ok(told.lines().map(|line| format!("  {line}\n")).collect())
}
