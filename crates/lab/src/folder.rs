//! A folder of manifests that is followed: what it holds, and that it changed.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::Context;
use futures_util::TryStreamExt;
use inotify::{EventMask, EventStream, Inotify, WatchMask};
use star_netpol::manifest::{self, Object};

/// A folder, as it was read last.
pub(crate) struct Followed {
    folder: PathBuf,
    changes: EventStream<[u8; 4096]>,
    objects: Vec<Object>,
}

impl Followed {
    /// Watches `folder`, before it is read for the first time, so that no change is missed.
    ///
    /// # Errors
    ///
    /// When it cannot be watched.
    pub(crate) fn new(folder: PathBuf) -> anyhow::Result<Self> {
        let changes = Inotify::init().and_then(|watch| watch.into_event_stream([0; 4096]));
        let followed = Self { folder, changes: changes.context("files cannot be watched")?, objects: Vec::new() };
        followed
            .watch(&followed.folder)
            .with_context(|| format!("--policies={}: cannot be watched; name a folder", followed.folder.display()))?;
        Ok(followed)
    }

    /// Watches a folder, then those in it that are read: not hidden ones, and no links. One that is watched stays so.
    fn watch(&self, folder: &Path) -> io::Result<()> {
        let mask =
            WatchMask::CLOSE_WRITE | WatchMask::MOVE | WatchMask::CREATE | WatchMask::DELETE | WatchMask::ONLYDIR;
        self.changes.watches().add(folder, mask)?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() && !entry.file_name().as_encoded_bytes().starts_with(b".") {
                match self.watch(&entry.path()) {
                    // It has gone since.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    watched => watched?,
                }
            }
        }
        Ok(())
    }

    /// Waits until something in the folder changes, or in one below it.
    ///
    /// # Errors
    ///
    /// When it cannot be watched any more.
    pub(crate) async fn changed(&mut self) -> anyhow::Result<()> {
        loop {
            let changed = self.changes.try_next().await.context("files cannot be watched any more")?;
            let change = changed.context("files cannot be watched any more")?.mask;
            // A file that is made holds nothing yet; when it does, it is closed.
            if !change.contains(EventMask::CREATE) || change.contains(EventMask::ISDIR) {
                return Ok(());
            }
        }
    }

    /// Reads it: what was there and is no more, and all that is there.
    ///
    /// # Errors
    ///
    /// When a file is no manifest: then nothing has changed.
    pub(crate) fn read(&mut self) -> anyhow::Result<(Vec<Object>, Vec<Object>)> {
        // A folder that is new is watched before it is read.
        self.watch(&self.folder).with_context(|| format!("{} cannot be watched", self.folder.display()))?;
        let objects = match manifest::read(&self.folder) {
            Err(manifest::ReadError::NoManifest(_)) => Vec::new(),
            read => read?,
        };
        let id = |object: &Object| {
            (object.api_version.clone(), object.kind.clone(), object.namespace.clone(), object.name.clone())
        };
        let before = std::mem::replace(&mut self.objects, objects.clone());
        let gone = before.into_iter().filter(|old| !objects.iter().any(|object| id(object) == id(old)));
        Ok((gone.collect(), objects))
    }
}
