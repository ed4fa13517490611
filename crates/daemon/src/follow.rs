//! A file that is followed: read again whenever it has changed.
//!
//! It is looked at, not watched: a ConfigMap is changed by a swap of links above the file, and a network's file system tells
//! of no change that others make.

use std::fmt::Display;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

/// Between two looks. A file counts as changed when two looks find the same change: whoever writes it in place is through.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A file, and what was read of it last.
#[derive(Clone, Debug)]
pub struct Followed {
    path: Arc<Path>,
    read: Version,
}

/// What tells a file from the same file before a change; none where it cannot be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Version(Option<[i64; 6]>);

impl Version {
    fn of(path: &Path) -> Self {
        let of = |file: fs::Metadata| {
            [file.dev() as i64, file.ino() as i64, file.size() as i64, file.mtime(), file.ctime(), file.ctime_nsec()]
        };
        Self(fs::metadata(path).ok().map(of))
    }
}

impl Followed {
    /// Follows the file at `path` from now on; to be called before it is read for the first time.
    pub fn new(path: PathBuf) -> Self {
        Self { read: Version::of(&path), path: path.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until it has changed to something that `read` can read, and gives that. What cannot be read is told in the
    /// log, once, and passed over. Dropped and called again, it begins to look anew.
    pub async fn changed<T, E>(&mut self, read: impl Fn(&Path) -> Result<T, E> + Clone + Send + 'static) -> T
    where
        T: Send + 'static,
        E: Display + Send + 'static,
    {
        let mut seen = self.read;
        loop {
            sleep(LOOK_EVERY).await;
            let (path, read, known, before) = (Arc::clone(&self.path), read.clone(), self.read, seen);
            let look = move || {
                let version = Version::of(&path);
                let news = version != known && version == before;
                (version, news.then(|| read(&path)))
            };
            // A file system may take its time.
            let Ok((version, news)) = tokio::task::spawn_blocking(look).await else { continue };
            seen = version;
            let Some(news) = news else { continue };
            self.read = version;
            match news {
                Ok(news) => return news,
                Err(error) => {
                    let path = self.path.display();
                    tracing::warn!(%path, %error, "a file changed to what cannot be used: what it said before stays");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tokio::time::timeout;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("star-follow-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn number(path: &Path) -> Result<u32, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        text.trim().parse().map_err(|_| format!("`{text}` is no number"))
    }

    async fn next(followed: &mut Followed) -> u32 {
        timeout(Duration::from_secs(20), followed.changed(number)).await.expect("no change is seen")
    }

    #[tokio::test]
    async fn a_file_is_read_again_when_it_is_written_replaced_or_comes_back() {
        let folder = Folder::new("write");
        let path = folder.0.join("file");
        fs::write(&path, "1").unwrap();
        let mut followed = Followed::new(path.clone());
        fs::write(&path, "2").unwrap();
        assert_eq!(next(&mut followed).await, 2);
        fs::write(path.with_extension("new"), "3").unwrap();
        fs::rename(path.with_extension("new"), &path).unwrap();
        assert_eq!(next(&mut followed).await, 3);
        fs::remove_file(&path).unwrap();
        assert!(timeout(4 * LOOK_EVERY, followed.changed(number)).await.is_err(), "it is not there");
        fs::write(&path, "4").unwrap();
        assert_eq!(next(&mut followed).await, 4);
    }

    #[tokio::test]
    async fn a_config_maps_swap_of_links_is_a_change() {
        let folder = Folder::new("links");
        let data = folder.0.join("..data");
        for (version, number) in [("v1", "1"), ("v2", "2")] {
            fs::create_dir(folder.0.join(version)).unwrap();
            fs::write(folder.0.join(version).join("file"), number).unwrap();
        }
        symlink("v1", &data).unwrap();
        symlink("..data/file", folder.0.join("file")).unwrap();
        let mut followed = Followed::new(folder.0.join("file"));
        symlink("v2", folder.0.join("..tmp")).unwrap();
        fs::rename(folder.0.join("..tmp"), &data).unwrap();
        assert_eq!(next(&mut followed).await, 2);
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_passed_over() {
        let folder = Folder::new("bad");
        let path = folder.0.join("file");
        fs::write(&path, "1").unwrap();
        let mut followed = Followed::new(path.clone());
        fs::write(&path, "one").unwrap();
        assert!(timeout(4 * LOOK_EVERY, followed.changed(number)).await.is_err());
        fs::write(&path, "5").unwrap();
        assert_eq!(next(&mut followed).await, 5);
    }
}
