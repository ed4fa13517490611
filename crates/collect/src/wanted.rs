//! What is to be fetched: what the resources file says, amended by what requests made of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use star_daemon::target::TargetUrl;

use crate::journal::Amendment;
use crate::resource::Entry;

/// The resources by id. An amendment stands for as long as the file says of its id what it said then.
#[derive(Default)]
pub(crate) struct Wanted {
    file: BTreeMap<Arc<str>, TargetUrl>,
    amended: BTreeMap<Arc<str>, Amended>,
}

struct Amended {
    /// None if it was removed.
    url: Option<TargetUrl>,
    /// What the file said then.
    file: Option<String>,
}

impl Wanted {
    /// Takes what the file says now, in place of what it said before.
    pub(crate) fn follow(&mut self, file: Vec<Entry>) {
        self.file = file.into_iter().map(|Entry { id, url }| (id, url)).collect();
        let file = &self.file;
        self.amended.retain(|id, amended| amended.file.as_deref() == file.get(id).map(TargetUrl::as_str));
    }

    /// The amendment that makes `entry` one of them.
    pub(crate) fn put(&self, entry: &Entry) -> Amendment {
        Amendment { url: Some(entry.url.as_str().to_owned()), ..self.delete(&entry.id) }
    }

    /// The amendment that removes `id`.
    pub(crate) fn delete(&self, id: &str) -> Amendment {
        Amendment { id: id.to_owned(), url: None, file: self.file.get(id).map(|url| url.as_str().to_owned()) }
    }

    /// Amends. One from another time counts if the file says the same as then.
    pub(crate) fn amend(&mut self, Amendment { id, url, file }: Amendment) -> Result<(), crate::resource::Invalid> {
        if file.as_deref() != self.file.get(&*id).map(TargetUrl::as_str) {
            return Ok(());
        }
        let id: Arc<str> = id.into();
        match url {
            None if file.is_none() => {
                self.amended.remove(&id);
            }
            None => {
                self.amended.insert(id, Amended { url: None, file });
            }
            Some(url) => {
                let entry = Entry::try_from(star_wire::resource::Resource { id: id.to_string(), url })?;
                self.amended.insert(entry.id, Amended { url: Some(entry.url), file });
            }
        }
        Ok(())
    }

    /// All that is to be fetched, ids sorted.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let mut urls: BTreeMap<_, _> = self.file.iter().collect();
        for (id, amended) in &self.amended {
            match &amended.url {
                Some(url) => urls.insert(id, url),
                None => urls.remove(id),
            };
        }
        urls.into_iter().map(|(id, url)| Entry { id: Arc::clone(id), url: url.clone() }).collect()
    }

    /// The amendments that stand, by which another process comes to the same.
    pub(crate) fn amendments(&self) -> Vec<Amendment> {
        let amendment = |(id, Amended { url, file }): (&Arc<str>, &Amended)| Amendment {
            id: id.to_string(),
            url: url.as_ref().map(|url| url.as_str().to_owned()),
            file: file.clone(),
        };
        self.amended.iter().map(amendment).collect()
    }
}

#[cfg(test)]
mod tests {
    use star_wire::resource::Resource;

    use super::*;

    fn entry(id: &str, url: &str) -> Entry {
        Entry::try_from(Resource { id: id.to_owned(), url: url.to_owned() }).unwrap()
    }

    fn file(entries: &[(&str, &str)]) -> Vec<Entry> {
        entries.iter().map(|(id, url)| entry(id, url)).collect()
    }

    fn told(wanted: &Wanted) -> Vec<String> {
        wanted.entries().iter().map(|Entry { id, url }| format!("{id} {url}")).collect()
    }

    /// B removed, C of the file moved, D added, E added and removed again.
    fn amended() -> Wanted {
        let mut wanted = Wanted::default();
        wanted.follow(file(&[("A", "a:1"), ("B", "b:1"), ("C", "c:1")]));
        for amendment in [
            wanted.delete("B"),
            wanted.put(&entry("C", "c:2")),
            wanted.put(&entry("D", "d:1")),
            wanted.put(&entry("E", "e:1")),
            wanted.delete("E"),
        ] {
            wanted.amend(amendment).unwrap();
        }
        wanted
    }

    #[test]
    fn requests_amend_what_the_file_says() {
        assert_eq!(told(&amended()), ["A a:1", "C c:2", "D d:1"]);
    }

    #[test]
    fn another_process_comes_to_the_same_by_the_amendments_that_stand() {
        let before = amended();
        assert_eq!(before.amendments().len(), 3, "{:?}", before.amendments());
        let mut after = Wanted::default();
        after.follow(file(&[("A", "a:1"), ("B", "b:1"), ("C", "c:1")]));
        for amendment in before.amendments() {
            after.amend(amendment).unwrap();
        }
        assert_eq!(told(&after), told(&before));
        assert_eq!(after.amendments(), before.amendments());
    }

    #[test]
    fn the_file_counts_again_for_an_id_of_which_it_says_something_new() {
        let mut wanted = amended();
        // B's entry changed, C's went, D has one now; A's is the same.
        let new = [("A", "a:1"), ("B", "b:2"), ("D", "d:9")];
        wanted.follow(file(&new));
        assert_eq!(told(&wanted), ["A a:1", "B b:2", "D d:9"]);
        // The same after a restart: the amendments are of before the change.
        let mut after = Wanted::default();
        after.follow(file(&new));
        for amendment in amended().amendments() {
            after.amend(amendment).unwrap();
        }
        assert_eq!(told(&after), told(&wanted));
        assert!(after.amendments().is_empty());
    }

    #[test]
    fn a_file_that_is_read_again_unchanged_changes_nothing() {
        let mut wanted = amended();
        wanted.follow(file(&[("A", "a:1"), ("B", "b:1"), ("C", "c:1")]));
        assert_eq!(told(&wanted), told(&amended()));
    }
}
