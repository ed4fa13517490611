//! A folder of manifests that is followed: what it holds, and that it changed.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use futures_util::TryStreamExt;
use inotify::{EventStream, Inotify, WatchMask};
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
        let watch = Inotify::init().context("files cannot be watched")?;
        let mask = WatchMask::CLOSE_WRITE | WatchMask::MOVE | WatchMask::DELETE | WatchMask::ONLYDIR;
        watch
            .watches()
            .add(&folder, mask)
            .with_context(|| format!("--policies={}: cannot be watched; name a folder", folder.display()))?;
        Ok(Self { folder, changes: watch.into_event_stream([0; 4096])?, objects: Vec::new() })
    }

    /// Waits until something in the folder changes. Folders in it are read, but not watched.
    ///
    /// # Errors
    ///
    /// When it cannot be watched any more.
    pub(crate) async fn changed(&mut self) -> anyhow::Result<()> {
        let changed = self.changes.try_next().await.context("files cannot be watched any more")?;
        ensure!(changed.is_some(), "files cannot be watched any more");
        Ok(())
    }

    /// Reads it: what was there and is no more, and all that is there.
    ///
    /// # Errors
    ///
    /// When a file is no manifest: then nothing has changed.
    pub(crate) fn read(&mut self) -> anyhow::Result<(Vec<Object>, Vec<Object>)> {
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
