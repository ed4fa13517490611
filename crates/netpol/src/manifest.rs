//! Kubernetes objects as people keep them: files, folders, standard input; many documents, lists, JSON.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    location::{Location, Problem},
    node::{self, Node, Value},
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

impl Object {
    /// Its namespace; what gives none is in `namespace`.
    pub(crate) fn namespace<'o>(&'o self, namespace: &'o str) -> &'o str {
        self.namespace.as_deref().unwrap_or(namespace)
    }
}

/// Why an input could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file or folder could not be read.
    #[error("{} cannot be read", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not text.
    #[error("{} is not UTF-8 text: save it as UTF-8", .0.display())]
    NotUtf8(PathBuf),
    /// A folder holds no manifest.
    #[error("{} holds no file ending in .yaml, .yml or .json", .0.display())]
    NoManifest(PathBuf),
    /// A file is not a manifest.
    #[error(transparent)]
    Problem(#[from] Problem),
}

impl ReadError {
    fn of(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::InvalidData => Self::NotUtf8(path.into()),
            _ => Self::Io { path: path.into(), source },
        }
    }
}

/// The objects of a file, of every manifest below a folder in the order of their paths, or of standard input (`-`).
///
/// In a folder, documents that are no Kubernetes objects are normal (Helm's values and templates, Compose files): they
/// become objects without name or version, whose kind says what they are.
///
/// # Errors
/// What cannot be read, and the first place at which a file is not a manifest.
pub fn read(path: &Path) -> Result<Vec<Object>, ReadError> {
    let mut objects = Vec::new();
    for (file, text) in texts(path)? {
        match objects_of(&file, &text, path.is_dir()) {
            // A chart's templates lie among manifests; they are no YAML before they are rendered.
            Err(problem) if path.is_dir() && text.contains("{{") => {
                let node = Node { at: problem.at, value: Value::Mapping(Vec::new()) };
                let kind = format!("template that is not rendered ({file}; helm template renders a chart)");
                objects.push(Object { api_version: String::new(), kind, namespace: None, name: String::new(), node });
            }
            found => objects.extend(found?),
        }
    }
    Ok(objects)
}

/// The same as text, for whoever parses it elsewhere: each file's path and what it holds.
///
/// # Errors
/// What cannot be read.
pub fn texts(path: &Path) -> Result<Vec<(Arc<str>, String)>, ReadError> {
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map_err(|error| ReadError::of(path, error))?;
        return Ok(vec![("-".into(), text)]);
    }
    let mut files = Vec::new();
    find(path, &mut files)?;
    if files.is_empty() {
        return Err(ReadError::NoManifest(path.into()));
    }
    let text = |file: PathBuf| match fs::read_to_string(&file) {
        Ok(text) => Ok((file.display().to_string().into(), text)),
        Err(error) => Err(ReadError::of(&file, error)),
    };
    files.into_iter().map(text).collect()
}

/// `path` itself if it is a file, else the manifests below it, without hidden ones, links to folders, and what is written for
/// kustomize and no API server.
fn find(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), ReadError> {
    if !path.is_dir() {
        files.push(path.into());
        return Ok(());
    }
    let entries = fs::read_dir(path).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut entries: Vec<_> = entries.map_err(|error| ReadError::of(path, error))?;
    entries.sort();
    for entry in entries {
        let hidden = entry.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let manifest = entry.extension().is_some_and(|ending| ending == "yaml" || ending == "yml" || ending == "json");
        let kustomize = entry.file_stem().is_some_and(|name| name == "kustomization");
        // A mounted ConfigMap is made of links to files, which count, as does one that leads nowhere: it is not read in
        // silence. A link to a folder could lead in a circle.
        let folder = entry.is_dir();
        if !hidden && !kustomize && (manifest && !folder || folder && !entry.is_symlink()) {
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
    objects_of(file, text, false)
}

fn objects_of(file: &Arc<str>, text: &str, among_others: bool) -> Result<Vec<Object>, Problem> {
    let mut objects = Vec::new();
    for node in node::documents(file, text)? {
        if among_others && node.get("kind").is_none() && node.get("apiVersion").is_none() {
            let kind = format!("document without kind in {file}");
            objects.push(Object { api_version: String::new(), kind, namespace: None, name: String::new(), node });
        } else {
            flatten(node, None, &mut objects)?;
        }
    }
    Ok(objects)
}

/// An object's name. One that leaves it to the server gets a name that is its own and always the same.
pub(crate) fn name(object: &Node) -> String {
    let text = |field| object.at_path(&["metadata", field]).and_then(Node::text);
    match (text("name"), text("generateName")) {
        (Some(name), _) => name.to_owned(),
        (None, None) => String::new(),
        (None, Some(prefix)) => {
            let mut hasher = DefaultHasher::new();
            (&object.at.file, object.at.line, object.at.column).hash(&mut hasher);
            format!("{prefix}{:08x}", hasher.finish() as u32)
        }
    }
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
            let items = node.get("items");
            if let Some(items) = items.filter(|items| !matches!(items.value, Value::Sequence(_))) {
                return Err(Problem::new(&items.at, format!("items must be a list, and is {}", items.described())));
            }
            items
                .map(Node::items)
                .unwrap_or_default()
                .to_vec()
                .into_iter()
                .try_for_each(|item| flatten(item, list, objects))
        }
        _ => {
            let namespace =
                node.at_path(&["metadata", "namespace"]).and_then(Node::text).filter(|given| !given.is_empty());
            let namespace = namespace.map(str::to_owned);
            let name = name(&node);
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
