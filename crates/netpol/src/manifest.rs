//! Kubernetes objects as people keep them: files, folders, standard input; many documents, lists, JSON.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    location::{Location, Problem},
    node::{self, Node},
};

/// An object of any kind: what names it, and all of it as written.
#[derive(Clone, Debug)]
pub struct Object {
    /// `apiVersion`, such as `networking.k8s.io/v1`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.namespace`, if it gives one.
    pub namespace: Option<String>,
    /// `metadata.name`, empty if it gives none.
    pub name: String,
    /// The whole object.
    pub node: Node,
}

/// Why an input could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file or folder could not be read.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder holds no manifest.
    #[error("{}: no file ending in .yaml, .yml or .json", .0.display())]
    NoManifest(PathBuf),
    /// A file is not a manifest.
    #[error(transparent)]
    Problem(#[from] Problem),
}

/// The objects of a file, of every manifest below a folder in the order of their paths, or of standard input (`-`).
///
/// # Errors
/// What cannot be read, and the first place at which a file is not a manifest.
pub fn read(path: &Path) -> Result<Vec<Object>, ReadError> {
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map_err(|source| ReadError::Io { path: path.into(), source })?;
        return Ok(parse(&"-".into(), &text)?);
    }
    let mut files = Vec::new();
    find(path, &mut files).map_err(|source| ReadError::Io { path: path.into(), source })?;
    if files.is_empty() {
        return Err(ReadError::NoManifest(path.into()));
    }
    let mut objects = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).map_err(|source| ReadError::Io { path: file.clone(), source })?;
        objects.extend(parse(&file.display().to_string().into(), &text)?);
    }
    Ok(objects)
}

/// `path` itself if it is a file, else the manifests below it, without hidden ones, links to folders, and what is written for
/// kustomize and no API server.
fn find(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.into());
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    for entry in entries {
        let hidden = entry.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let manifest = entry.extension().is_some_and(|ending| ending == "yaml" || ending == "yml" || ending == "json");
        let kustomize = entry.file_stem().is_some_and(|name| name == "kustomization");
        // A mounted ConfigMap is made of links to files, which count; a link to a folder could lead in a circle.
        if !hidden && !kustomize && (manifest && entry.is_file() || entry.is_dir() && !entry.is_symlink()) {
            find(&entry, files)?;
        }
    }
    Ok(())
}

/// The objects of a text that `file` names, those of lists among them.
///
/// # Errors
/// The first place at which it is not YAML, or a document that is not a Kubernetes object.
pub fn parse(file: &Arc<str>, text: &str) -> Result<Vec<Object>, Problem> {
    let mut objects = Vec::new();
    for document in node::documents(file, text)? {
        flatten(document, None, &mut objects)?;
    }
    Ok(objects)
}

/// Objects are taken out of lists; the items of a typed list may leave kind and version to it.
fn flatten(node: Node, list: Option<(&str, &str)>, objects: &mut Vec<Object>) -> Result<(), Problem> {
    let text = |field: &str| node.get(field).and_then(Node::text).map(str::to_owned);
    let (inherited_version, inherited_kind) = list.unzip();
    let Some(kind) = text("kind").or(inherited_kind.map(Into::into)) else {
        return Err(lacking(&node.at, "kind"));
    };
    let Some(api_version) = text("apiVersion").or(inherited_version.map(Into::into)) else {
        return Err(lacking(&node.at, "apiVersion"));
    };
    match kind.strip_suffix("List") {
        Some(items)
            if node.get("items").is_some() || node.get("metadata").and_then(|meta| meta.get("name")).is_none() =>
        {
            // A plain `List` says nothing of its items.
            let list = (!items.is_empty()).then_some((api_version.as_str(), items));
            let items = node.get("items").map(Node::items).unwrap_or_default().to_vec();
            items.into_iter().try_for_each(|item| flatten(item, list, objects))
        }
        _ => {
            let metadata = |field| node.at_path(&["metadata", field]).and_then(Node::text).map(str::to_owned);
            let (namespace, name) = (metadata("namespace"), metadata("name").unwrap_or_default());
            objects.push(Object { api_version, kind, namespace, name, node });
            Ok(())
        }
    }
}

fn lacking(at: &Location, field: &str) -> Problem {
    Problem::new(at, format!("not a Kubernetes object: it has no {field}"))
}

#[cfg(test)]
mod tests;
