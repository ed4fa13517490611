//! Label selectors: <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/>.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{
    node::{Entry, Node},
    strict::{Path, Strict},
};

mod syntax;

pub use syntax::SyntaxError;

/// An object's labels.
pub type Labels = BTreeMap<String, String>;

/// What labels must be for an object to be selected: all requirements hold. Without any it selects everything.
///
/// Displayed as `kubectl` does: `role=frontend,tier in (a,b),!legacy`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

/// One requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// What its value must be.
    pub operator: Operator,
}

/// What a requirement says of a label's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The label is there with this value, from `matchLabels`.
    Equals(String),
    /// The label is there with one of these values.
    In(Vec<String>),
    /// The label is not there, or with none of these values.
    NotIn(Vec<String>),
    /// The label is there, whatever its value.
    Exists,
    /// The label is not there.
    DoesNotExist,
}

/// Whether a selector selects, where not every label's value is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// Whatever the unknown values are, it does not.
    No,
    /// It hangs on them.
    Perhaps,
    /// Whatever they are, it does.
    Yes,
}

impl Requirement {
    /// Whether the labels meet it.
    pub fn is_met_by(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match &self.operator {
            Operator::Equals(wanted) => value == Some(wanted),
            Operator::In(values) => value.is_some_and(|value| values.contains(value)),
            Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }

    /// Whether labels meet it of which some are there with values that are not known.
    fn fit(&self, labels: &Labels, varying: &BTreeSet<String>) -> Fit {
        let known = |met| if met { Fit::Yes } else { Fit::No };
        match (varying.contains(&self.key), &self.operator) {
            (false, _) => known(self.is_met_by(labels)),
            (true, Operator::Exists) => Fit::Yes,
            (true, Operator::DoesNotExist) => Fit::No,
            (true, _) => Fit::Perhaps,
        }
    }
}

/// What several requirements leave of one label: whether it may be missing, and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Domain<'s> {
    missing: bool,
    /// Those given, or all but those given.
    values: BTreeSet<&'s str>,
    all_but: bool,
}

impl<'s> Domain<'s> {
    fn of(requirements: &'s [Requirement], key: &str) -> Self {
        let mut domain = Self { missing: true, values: BTreeSet::new(), all_but: true };
        for requirement in requirements.iter().filter(|requirement| requirement.key == key) {
            match &requirement.operator {
                Operator::Equals(value) => domain.keep(std::slice::from_ref(value)),
                Operator::In(values) => domain.keep(values),
                Operator::NotIn(values) if domain.all_but => domain.values.extend(values.iter().map(String::as_str)),
                Operator::NotIn(values) => domain.values.retain(|value| !values.iter().any(|hole| hole == value)),
                Operator::Exists => domain.missing = false,
                Operator::DoesNotExist => (domain.values, domain.all_but) = (BTreeSet::new(), false),
            }
        }
        domain
    }

    fn keep(&mut self, values: &'s [String]) {
        self.missing = false;
        let kept = values.iter().map(String::as_str).filter(|value| self.values.contains(value) != self.all_but);
        (self.values, self.all_but) = (kept.collect(), false);
    }

    fn is_empty(&self) -> bool {
        !self.missing && !self.all_but && self.values.is_empty()
    }

    fn is_inside(&self, other: &Self) -> bool {
        let values = match (self.all_but, other.all_but) {
            (false, _) => self.values.iter().all(|value| other.values.contains(value) != other.all_but),
            (true, true) => other.values.is_subset(&self.values),
            (true, false) => false,
        };
        values && (other.missing || !self.missing)
    }

    fn meets(&self, other: &Self) -> bool {
        let values = match (self.all_but, other.all_but) {
            (false, _) => self.values.iter().any(|value| other.values.contains(value) != other.all_but),
            (true, false) => other.values.iter().any(|value| !self.values.contains(value)),
            (true, true) => true,
        };
        values || self.missing && other.missing
    }
}

impl Selector {
    /// A selector of these requirements.
    pub fn new(requirements: Vec<Requirement>) -> Self {
        Self { requirements }
    }

    /// Whether an object with these labels is selected.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.unmet(labels).next().is_none()
    }

    /// Whether an object is selected that carries these labels, and those of `varying` with values that are not known.
    pub fn fit(&self, labels: &Labels, varying: &BTreeSet<String>) -> Fit {
        self.requirements.iter().map(|requirement| requirement.fit(labels, varying)).min().unwrap_or(Fit::Yes)
    }

    /// Whether what `class` selects is selected: all of it, some or nothing. Exact, since labels do not hang on each other.
    pub fn covers(&self, class: &Self) -> Fit {
        let fits = self.requirements.iter().map(|Requirement { key, .. }| {
            let (own, theirs) = (Domain::of(&self.requirements, key), Domain::of(&class.requirements, key));
            match (theirs.is_inside(&own), theirs.meets(&own)) {
                (true, _) => Fit::Yes,
                (false, true) => Fit::Perhaps,
                (false, false) => Fit::No,
            }
        });
        fits.min().unwrap_or(Fit::Yes)
    }

    /// Whether no object can be selected, since its requirements contradict each other.
    pub fn is_contradictory(&self) -> bool {
        self.requirements.iter().any(|requirement| Domain::of(&self.requirements, &requirement.key).is_empty())
    }

    /// What both select.
    pub fn and(&self, other: &Self) -> Self {
        let mut requirements = self.requirements.clone();
        requirements.extend(other.requirements.iter().filter(|own| !self.requirements.contains(own)).cloned());
        Self { requirements }
    }

    /// Its requirements, all of which must hold.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// The requirements that these labels do not meet.
    pub fn unmet<'a>(&'a self, labels: &'a Labels) -> impl Iterator<Item = &'a Requirement> {
        self.requirements.iter().filter(|requirement| !requirement.is_met_by(labels))
    }

    /// Whether it selects everything.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Reads a `LabelSelector`, refusing what the API server refuses.
    pub(crate) fn read(node: &Node, path: &Path<'_>, strict: &mut Strict<'_>) -> Self {
        strict.fields(node, path, &["matchLabels", "matchExpressions"]);
        let mut requirements = Vec::new();
        if let Some(labels) = node.get("matchLabels") {
            let labels = read_labels(labels, &Path::Field(path, "matchLabels"), strict);
            let equals = |(key, value)| Requirement { key, operator: Operator::Equals(value) };
            requirements.extend(labels.into_iter().map(equals));
        }
        let path = Path::Field(path, "matchExpressions");
        for (index, item) in strict.items(node.get("matchExpressions"), &path).iter().enumerate() {
            requirements.extend(read_expression(item, &Path::Item(&path, index), strict));
        }
        Self { requirements }
    }
}

/// Reads labels, refusing what the API server refuses.
pub(crate) fn read_labels(node: &Node, path: &Path<'_>, strict: &mut Strict<'_>) -> Labels {
    let labels = strict.strings(node, path);
    for Entry { key, at, value } in node.entries() {
        let path = Path::Field(path, key);
        check_key(key, |message| strict.refuse(at, &path, message));
        check_value(value.text().unwrap_or_default(), |message| strict.refuse(&value.at, &path, message));
    }
    labels
}

fn read_expression(node: &Node, path: &Path<'_>, strict: &mut Strict<'_>) -> Option<Requirement> {
    strict.fields(node, path, &["key", "operator", "values"]);
    let key_path = Path::Field(path, "key");
    let key = match node.get("key") {
        Some(key) => strict.string(key, &key_path).map(|text| (text, &key.at)),
        None => {
            strict.refuse(&node.at, &key_path, "required");
            None
        }
    };
    if let Some((key, at)) = key {
        check_key(key, |message| strict.refuse(at, &key_path, message));
    }
    let values_path = Path::Field(path, "values");
    let values_node = node.get("values");
    let items = strict.items(values_node, &values_path);
    let mut values = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = Path::Item(&values_path, index);
        let value = if item.is_null() { Some("") } else { strict.string(item, &path) };
        if let Some(value) = value {
            check_value(value, |message| strict.refuse(&item.at, &path, message));
            values.push(value.to_owned());
        }
    }
    let operator_path = Path::Field(path, "operator");
    let Some(operator) = node.get("operator") else {
        strict.refuse(&node.at, &operator_path, "required; one of In, NotIn, Exists, DoesNotExist");
        return None;
    };
    let name = strict.string(operator, &operator_path)?;
    let at = values_node.map_or(&operator.at, |values| &values.at);
    if matches!(name, "In" | "NotIn") && items.is_empty() {
        strict.refuse(at, &values_path, format_args!("required with operator {name}"));
    }
    if matches!(name, "Exists" | "DoesNotExist") && !items.is_empty() {
        strict.refuse(at, &values_path, format_args!("may not be given with operator {name}"));
    }
    let operator = match name {
        "In" => Operator::In(values),
        "NotIn" => Operator::NotIn(values),
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        _ => {
            let message = format_args!("{name:?} is not an operator; one of In, NotIn, Exists, DoesNotExist");
            strict.refuse(&operator.at, &operator_path, message);
            return None;
        }
    };
    Some(Requirement { key: key?.0.to_owned(), operator })
}

/// A qualified name: an optional DNS subdomain and a slash, then at most 63 characters.
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>
fn check_key(key: &str, refuse: impl FnOnce(String)) {
    if !is_label_key(key) {
        refuse(format!("{key:?} is not a label key: {LABEL_KEY}"));
    }
}

pub(crate) const LABEL_KEY: &str = "at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, after an optional DNS name and '/'";

pub(crate) fn is_label_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    is_qualified(name) && prefix.is_none_or(is_subdomain)
}

fn check_value(value: &str, refuse: impl FnOnce(String)) {
    if !value.is_empty() && !is_qualified(value) {
        refuse(format!(
            "{value:?} is not a label value: at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, or nothing"
        ));
    }
}

fn is_qualified(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let outer = |c: char| c.is_ascii_alphanumeric();
    text.len() <= 63 && text.starts_with(outer) && text.ends_with(outer) && text.chars().all(inner)
}

/// Whether a namespace can be called so: RFC 1123's label.
pub fn is_namespace_name(text: &str) -> bool {
    is_dns_label(text, 63)
}

/// RFC 1123's subdomain, as object names are.
pub(crate) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(|part| is_dns_label(part, usize::MAX))
}

/// RFC 1123's label of at most `max` characters, as a namespace's name is (63).
pub(crate) fn is_dns_label(text: &str, max: usize) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.len() <= max && !text.starts_with('-') && !text.ends_with('-') && text.chars().all(inner)
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.operator {
            Operator::Equals(value) => write!(f, "{key}={value}"),
            Operator::In(values) => write!(f, "{key} in ({})", values.join(",")),
            Operator::NotIn(values) => write!(f, "{key} notin ({})", values.join(",")),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{requirement}")?;
        }
        Ok(())
    }
}

impl Serialize for Selector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Expression<'e> {
            key: &'e str,
            operator: &'e str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            values: &'e [String],
        }
        let mut labels = BTreeMap::new();
        let mut expressions = Vec::new();
        for Requirement { key, operator } in &self.requirements {
            let (operator, values): (_, &[String]) = match operator {
                Operator::Equals(value) => {
                    labels.insert(key, value);
                    continue;
                }
                Operator::In(values) => ("In", values),
                Operator::NotIn(values) => ("NotIn", values),
                Operator::Exists => ("Exists", &[]),
                Operator::DoesNotExist => ("DoesNotExist", &[]),
            };
            expressions.push(Expression { key, operator, values });
        }
        let mut map = serializer.serialize_map(None)?;
        if !labels.is_empty() {
            map.serialize_entry("matchLabels", &labels)?;
        }
        if !expressions.is_empty() {
            map.serialize_entry("matchExpressions", &expressions)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
