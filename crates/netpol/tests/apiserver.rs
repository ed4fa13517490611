//! What `check` takes and refuses beside what kubectl and a real API server do: their answers are recorded in
//! `apiserver/cases.jsonl.gz`, by `apiserver/record.py`, with the versions.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use flate2::read::GzDecoder;
use serde_json::Value;
use star_netpol::{Cluster, manifest::parse};

/// Where ours differs, each with the reason: what the manifest holds, and whether ours takes it.
const DIFFERENCES: &[(&str, bool)] = &[
    // A key twice in one mapping: kubectl's own conversion keeps the last before the server sees it. Nobody means it, and
    // other clients refuse it.
    ("a: b, a: c", false),
    ("{\"podSelector\": {}, \"podSelector\": {}}", false),
    ("{name: a, name: a}", false),
    // `kubectl apply` adds a copy of the object to its annotations, which then are too long together; `create` does not.
    ("b: xxxxxxxxxx", true),
    // A text that begins with a brace is JSON to kubectl, and to everybody else YAML in one line, as these are.
    ("}\n---\n{", true),
    ("\"spec\": {\"podSelector\": {}},}", true),
    ("{\"podSelector\": {},}", true),
    ("{\"name\": 'a'}", true),
    // kubectl splits documents at `---` before its YAML reader sees them, and loses the directive's document.
    ("%YAML 1.1\n", true),
    ("%YAML 1.2\n", true),
    // A tab on a line that holds nothing else, or a comment, is white space in YAML 1.2.
    ("}}\n\t\n", true),
    ("\n\t# d", true),
];

fn ours(manifest: &str) -> Result<(), String> {
    let objects = parse(&"case.yaml".into(), manifest).map_err(|problem| problem.to_string())?;
    if objects.is_empty() {
        return Err("no object".into());
    }
    let problems = |problems: Vec<star_netpol::Problem>| problems[0].to_string();
    let cluster = Cluster::new(&objects, "default").map_err(problems)?;
    cluster.unquoted.first().map_or(Ok(()), |problem| Err(problem.to_string()))
}

#[test]
fn what_an_api_server_refuses_is_refused_and_what_it_takes_is_taken() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/apiserver/cases.jsonl.gz");
    let mut lines = BufReader::new(GzDecoder::new(File::open(path).unwrap())).lines();
    let versions: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert!(versions["server"].as_str().unwrap().starts_with("v1.36."), "{versions}");
    let cases: Vec<Value> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    assert!(cases.len() > 350, "{} cases", cases.len());
    let taken = cases.iter().filter(|case| case["taken"] == true).count();
    assert!((100..cases.len() - 100).contains(&taken), "{taken} taken");
    let mut unlike = Vec::new();
    let mut met = vec![false; DIFFERENCES.len()];
    for case in &cases {
        let manifest = case["manifest"].as_str().unwrap();
        let (theirs, own) = (case["taken"] == true, ours(manifest));
        let named = DIFFERENCES.iter().position(|(held, takes)| manifest.contains(held) && *takes == own.is_ok());
        match named {
            _ if own.is_ok() == theirs => {}
            Some(place) => met[place] = true,
            None => unlike.push(format!("{manifest:.300}\n  theirs: {} {}\n  ours: {own:.300?}", theirs, case["said"])),
        }
    }
    assert!(unlike.is_empty(), "{} differ:\n{}", unlike.len(), unlike.join("\n"));
    let idle: Vec<_> = DIFFERENCES.iter().zip(met).filter(|(_, met)| !met).collect();
    assert!(idle.is_empty(), "these differ no more: {idle:?}");
}
