use star_wire::event::Cause;

use super::*;

/// A folder of the test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("star-journal-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.join("state")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn resource(id: &str) -> Record {
    Record::Resource(Amendment { id: id.to_owned(), url: Some("http://a/".to_owned()), file: None })
}

fn patch(seq: u64) -> Record {
    let causes = Vec::<Cause>::new();
    let (nodes, rows, edges, gaps) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    Record::Patch(Arc::new(Patch { seq, prev: seq - 1, at: Timestamp::UNIX_EPOCH, nodes, rows, edges, causes, gaps }))
}

fn found(path: &Path) -> StateFile {
    StateFile::open(path).unwrap()
}

#[test]
fn what_was_appended_is_found_again() {
    let folder = Folder::new("again");
    let StateFile { mut journal, records, set_aside } = found(&folder.path());
    assert_eq!((records.len(), set_aside), (0, None));
    let gone = Record::Resource(Amendment { id: "b\n".to_owned(), url: None, file: Some("http://b/".to_owned()) });
    journal.commit(&resource("a")).unwrap();
    journal.commit(&gone).unwrap();
    journal.append(&patch(8)).unwrap();
    drop(journal);
    let StateFile { mut journal, records, .. } = found(&folder.path());
    assert_eq!(records, [resource("a"), gone.clone(), patch(8)]);
    journal.append(&patch(9)).unwrap();
    assert_eq!(found(&folder.path()).records, [resource("a"), gone, patch(8), patch(9)]);
    assert_eq!(folder.names(), ["state"]);
}

#[test]
fn a_line_under_way_at_the_end_is_lost_and_no_other_whatever_its_length() {
    let folder = Folder::new("half");
    let mut journal = found(&folder.path()).journal;
    journal.append(&resource("a")).unwrap();
    journal.append(&resource("b")).unwrap();
    let whole = fs::read(folder.path()).unwrap();
    let (head, first) = (HEAD.len() + 1, serde_json::to_string(&resource("a")).unwrap().len() + 1);
    for length in head..=whole.len() {
        fs::write(folder.path(), &whole[..length]).unwrap();
        let StateFile { records, set_aside, .. } = found(&folder.path());
        let expected = [resource("a"), resource("b")];
        let lines = usize::from(length >= head + first) + usize::from(length == whole.len());
        assert_eq!((&*records, set_aside), (&expected[..lines], None), "{length} of {} bytes", whole.len());
    }
}

#[test]
fn a_damaged_or_foreign_file_is_set_aside_and_what_stands_before_the_damage_is_kept() {
    let folder = Folder::new("damaged");
    let good = format!("{HEAD}\n{}\n", serde_json::to_string(&resource("a")).unwrap());
    let second = serde_json::to_string(&resource("b")).unwrap();
    for (text, records, part) in [
        (format!("{good}{{\n{second}\n").into_bytes(), 1, "line 3 is damaged"),
        (format!("{good}{{\"colour\":1}}\n").into_bytes(), 1, "line 3 is damaged"),
        (format!("{good}\0\0\0\0\n").into_bytes(), 1, "line 3 is damaged"),
        (b"[{\"id\":\"F\"}]\n".to_vec(), 0, "first line"),
        (HEAD.replace(":1", ":2").into_bytes(), 0, "first line"),
        (b"\xff\xfe\n".to_vec(), 0, "no text"),
    ] {
        fs::write(folder.path(), &text).unwrap();
        let found = found(&folder.path());
        let said = found.set_aside.unwrap();
        assert!(found.records.len() == records && said.contains(part), "{said}: {:?}", found.records);
        let [fresh, aside] = &*folder.names() else { panic!("{:?}", folder.names()) };
        assert!(fresh == "state" && said.ends_with(&**aside), "{said}: {aside}");
        assert_eq!(fs::read(folder.0.join(aside)).unwrap(), text);
        fs::remove_file(folder.0.join(aside)).unwrap();
        assert_eq!(self::found(&folder.path()).records.len(), records);
    }
    fs::write(folder.path(), "").unwrap();
    assert_eq!(found(&folder.path()).set_aside, None);
}

#[test]
fn a_file_that_has_grown_is_written_anew_and_appended_to_as_before() {
    let folder = Folder::new("grown");
    let mut journal = found(&folder.path()).journal;
    let mut seq = 1;
    while !journal.is_long() {
        journal.append(&patch(seq)).unwrap();
        seq += 1;
    }
    assert!(fs::metadata(folder.path()).unwrap().len() >= GROWTH);
    journal.rewrite(&[resource("a")]).unwrap();
    assert!(!journal.is_long());
    journal.append(&resource("b")).unwrap();
    assert_eq!(found(&folder.path()).records, [resource("a"), resource("b")]);
}

#[test]
fn a_path_that_cannot_be_used_says_what_and_the_cure() {
    let folder = Folder::new("refused");
    let told = |path: &Path| format!("{:#}", StateFile::open(path).unwrap_err());
    assert!(told(&folder.0).contains("name one"), "{}", told(&folder.0));
    let none = told(&folder.0.join("none/state"));
    assert!(none.starts_with("cannot be written; name a file in a folder that can"), "{none}");
}
