//! A manifest for each way out of a pod that was tried, as root and as an ordinary user.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/lab.rs"]
mod lab;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use lab::{Lab, User, folder, is_alive, program, users, wait};

/// What is in a file that no pod may read.
const SECRET: &str = "http://stolen.example/";

/// A pod's name, its image, its arguments, its variables, and what its log says in the end.
type Attempt = (&'static str, &'static str, Vec<String>, Vec<(&'static str, String)>, &'static str);

/// A manifest of one pod, which is not started again.
fn manifest(name: &str, image: &str, args: &[String], env: &[(&str, String)]) -> String {
    let env: Vec<_> = env.iter().map(|(name, value)| serde_json::json!({"name": name, "value": value})).collect();
    let container = serde_json::json!({"name": "c", "image": image, "args": args, "env": env});
    let spec = serde_json::json!({"restartPolicy": "Never", "containers": [container]});
    serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}).to_string()
}

/// A lab with a file that holds a secret, a folder that everybody may write to, and a file of authorities of its own.
fn lab(name: &str, user: User) -> (Lab, PathBuf, PathBuf, PathBuf) {
    let runtime = folder(name, user);
    let (secret, open, authorities) = (runtime.join("secret"), runtime.join("open"), runtime.join("authorities.pem"));
    fs::create_dir(&open).unwrap();
    fs::write(&secret, SECRET).unwrap();
    fs::write(&authorities, "no certificate").unwrap();
    for (path, mode) in [(&secret, 0o644), (&open, 0o777), (&authorities, 0o666)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut up = program(&runtime, user);
    up.args(["up", "--port=0"]).env("SSL_CERT_FILE", &authorities);
    (Lab::run(runtime, user, up), secret, open, authorities)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn no_file_of_the_machine_is_read_or_written_whatever_a_manifest_says() {
    const READ_ONLY: &str = "Read-only file system";
    // What belongs to root, where a pod of root's lab is another user; to the user himself in his own.
    const DENIED: &str = "Permission denied";
    const NOT_FOUND: &str = "No such file or directory";
    for user in users() {
        let (lab, secret, open, authorities) = lab("files", user);
        let (secret, out) = (secret.display(), open.display());
        let flag = |flag: &str| vec!["--urls=".to_owned(), flag.to_owned()];
        let just = |flag: String| vec![flag];
        let none = Vec::new;
        let attempts: Vec<Attempt> = vec![
            ("write", "star-probe", flag(&format!("--logfile={out}/log")), none(), READ_ONLY),
            (
                "write-var",
                "star-probe",
                flag("--http-port=80"),
                vec![("STAR_LOGFILE", format!("{out}/var"))],
                READ_ONLY,
            ),
            ("write-collect", "star-collect", just(format!("--logfile={out}/collect")), none(), READ_ONLY),
            ("write-here", "star-probe", flag("--logfile=here"), none(), READ_ONLY),
            ("write-hosts", "star-probe", flag("--logfile=/etc/hosts"), none(), READ_ONLY),
            ("write-names", "star-probe", flag("--logfile=/etc/resolv.conf"), none(), READ_ONLY),
            ("write-resources", "star-collect", just("--logfile=/etc/star/resources.json".into()), none(), READ_ONLY),
            (
                "write-authorities",
                "star-probe",
                flag("--logfile=/etc/ssl/certs/ca-certificates.crt"),
                none(),
                READ_ONLY,
            ),
            ("write-program", "star-probe", flag("--logfile=/proc/self/exe"), none(), READ_ONLY),
            ("write-memory", "star-probe", flag("--logfile=/dev/shm/x"), none(), READ_ONLY),
            ("read", "star-probe", just(format!("--urls-file={secret}")), none(), NOT_FOUND),
            ("read-var", "star-probe", none_args(), vec![("STAR_URLS_FILE", secret.to_string())], NOT_FOUND),
            ("read-climbing", "star-probe", just(format!("--urls-file=/../../../../../..{secret}")), none(), NOT_FOUND),
            ("read-here", "star-probe", just(format!("--urls-file=..{secret}")), none(), NOT_FOUND),
            ("read-init", "star-probe", just(format!("--urls-file=/proc/1/root{secret}")), none(), NOT_FOUND),
            ("read-self", "star-probe", just("--urls-file=/proc/self/environ".into()), none(), NOT_FOUND),
            ("read-stdin", "star-probe", just("--urls-file=/dev/stdin".into()), none(), NOT_FOUND),
            ("read-passwd", "star-probe", just("--urls-file=/etc/passwd".into()), none(), NOT_FOUND),
            (
                "read-program",
                "star-probe",
                just(format!("--urls-file={}", env!("CARGO_BIN_EXE_star-lab"))),
                none(),
                NOT_FOUND,
            ),
            ("resources", "star-collect", just(format!("--resources-file={secret}")), none(), NOT_FOUND),
            (
                "resources-var",
                "star-collect",
                none_args(),
                vec![("STAR_RESOURCES_FILE", secret.to_string())],
                NOT_FOUND,
            ),
            ("token", "star-collect", just(format!("--admin-token-file={secret}")), none(), NOT_FOUND),
            ("token-var", "star-collect", none_args(), vec![("STAR_ADMIN_TOKEN_FILE", secret.to_string())], NOT_FOUND),
            ("names", "star-lab-dns", just(format!("--names={secret}")), none(), NOT_FOUND),
        ];
        let manifests = attempts.iter().map(|(name, image, args, env, _)| manifest(name, image, args, env));
        lab.apply(&manifests.collect::<Vec<_>>().join("\n---\n"));
        let pods = || lab.ok(&["get", "pods"]);
        let failed = || pods().lines().filter(|line| line.contains(" Error ")).count();
        wait(|| failed() == attempts.len(), pods);
        for (name, _, _, _, expected) in &attempts {
            let log = lab.ok(&["logs", name]);
            let told = log.contains(expected) || *expected == READ_ONLY && log.contains(DENIED);
            assert!(told && log.lines().count() == 1, "{name}: {log}");
            assert!(!log.contains("stolen"), "{name}: {log}");
        }

        // Nor does a program that is run in a pod.
        for (args, expected) in [
            (vec!["--urls=".to_owned(), format!("--logfile={out}/exec")], READ_ONLY),
            (vec![format!("--urls-file={secret}")], NOT_FOUND),
        ] {
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            let output = lab.say(&[&["exec", "-n", "client", "deploy/client", "--", "probe"], &*args].concat());
            let told = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success() && told.contains(expected), "{told}");
        }
        assert_eq!(entries(&open), [] as [PathBuf; 0]);
        assert_eq!(fs::read_to_string(authorities).unwrap(), "no certificate");
    }
}

fn none_args() -> Vec<String> {
    // An image's own arguments would be taken instead.
    vec!["--http-port=80".to_owned()]
}

#[test]
fn no_variable_of_a_manifest_is_in_force_before_its_pod_is_shut_in() {
    for user in users() {
        let (lab, secret, open, _) = lab("variables", user);
        let out = |name: &str| open.join(name).display().to_string();
        let env = [
            // The dynamic linker writes what it does into files of that name, before the program's first instruction.
            ("LD_DEBUG", "all".to_owned()),
            ("LD_DEBUG_OUTPUT", out("linker")),
            // It says in the log what it cannot load.
            ("LD_PRELOAD", out("preload.so")),
            ("LD_AUDIT", out("audit.so")),
            ("LD_LIBRARY_PATH", out("")),
            // It lists what it would load, and ends.
            ("LD_TRACE_LOADED_OBJECTS", "1".to_owned()),
            ("GCONV_PATH", out("")),
            ("SSL_CERT_FILE", secret.display().to_string()),
            ("STAR_LAB_STARTED", "no".to_owned()),
            ("STAR_HTTP_PORT_NUMBER", "7777".to_owned()),
        ];
        lab.apply(&manifest(
            "variables",
            "star-probe",
            &["--urls=http://127.0.0.1:7777/status,https://127.0.0.1:7777/".to_owned()],
            &env,
        ));
        let log = || lab.ok(&["logs", "variables"]);
        wait(|| log().contains(" reachable") && log().contains("https targets may fail"), log);
        assert!(log().contains("listening address=[::]:7777"), "now they are in force: {}", log());
        assert!(!log().contains("ld.so") && !log().contains("preload"), "{}", log());
        assert_eq!(lab.check("default", "variables", "http://127.0.0.1:7777/status"), "reachable");
        assert!(log().contains("secret") && log().contains("No such file"), "a file of the machine is read: {}", log());
        assert_eq!(entries(&open), [] as [PathBuf; 0]);
    }
}

#[test]
fn what_kubernetes_refuses_in_a_manifest_is_refused_with_its_line() {
    let lab = Lab::start("refused", User::Me, &[]);
    let with = |head: &str, container: &str| {
        format!("{head}containers:\n      - name: c\n        image: star-probe\n        args: [--urls=]\n{container}")
    };
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n    ";
    let env = |name: &str| with(pod, &format!("        env:\n          - name: {name}\n            value: x\n"));
    let deployment = |kind: &str| {
        let head = format!(
            "apiVersion: apps/v1\nkind: {kind}\nmetadata:\n  name: d\nspec:\n  replicas: -5\n  template:\n    spec:\n     "
        );
        with(&head, "")
    };
    for (manifest, line, told) in [
        (env("\"\""), 11, "\"\" is not a variable's name"),
        (env("A=B"), 11, "\"A=B\" is not a variable's name"),
        (env("\"A\\tB\""), 11, "\"A\\tB\" is not a variable's name"),
        (env("Ä"), 11, "\"Ä\" is not a variable's name"),
        (deployment("Deployment"), 6, "must be greater than or equal to 0"),
        (deployment("StatefulSet"), 6, "must be greater than or equal to 0"),
    ] {
        let file = lab.runtime.join("refused.yaml");
        fs::write(&file, &manifest).unwrap();
        let output = lab.say(&["apply", "-f", file.to_str().unwrap()]);
        let refused = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && refused.contains(told), "{manifest}\n{refused}");
        assert!(refused.contains(&format!("refused.yaml:{line}:")), "{manifest}\n{refused}");
    }
}

#[test]
fn a_program_that_runs_on_request_ends_with_whoever_asked_and_with_its_container() {
    for user in users() {
        let lab = Lab::start("exec", user, &[]);
        for by_whom in ["client", "container"] {
            let before = lab.processes();
            let mut client = program(&lab.runtime, user);
            client.args(["exec", "-n", "client", "deploy/client", "--", "probe", "--urls=", "--http-port=7777"]);
            let mut client = client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let mut running = None;
            wait(
                || {
                    running = lab.processes().into_iter().find(|process| !before.contains(process));
                    running.is_some()
                },
                || "nothing was started".to_owned(),
            );
            match by_whom {
                "client" => client.kill().unwrap(),
                _ => _ = lab.ok(&["kill", "client"]),
            }
            // Long before the lab would lose patience with it.
            wait(|| client.try_wait().unwrap().is_some(), || format!("it goes on without its {by_whom}"));
            assert!(!client.wait().unwrap().success());
            wait(|| !is_alive(running.unwrap()), || format!("it has not ended with its {by_whom}"));
        }
        let output = lab.say(&["exec", "-n", "client", "deploy/client", "--", "probe", "check", "http://127.0.0.1/"]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains("container not found (\"client\")"), "{told}");
    }
}
