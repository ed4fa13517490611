//! What a command names: kinds, names and a selector, by `kubectl`'s grammar of its arguments.

use star_netpol::selector::Selector;

use crate::cluster::Kind;

/// What a command is about.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Query {
    /// All objects of these kinds that the selector selects.
    Every(Vec<Kind>, Selector),
    /// These objects, in this order.
    Named(Vec<(Kind, String)>),
}

impl Query {
    /// Reads `TYPE[,TYPE…]`, `TYPE[,TYPE…] NAME…` or `TYPE/NAME…`, and what `-l` gives.
    ///
    /// # Errors
    ///
    /// What `kubectl` says to it.
    pub(crate) fn parse(args: &[String], selector: Option<&str>) -> Result<Self, String> {
        let (first, rest) = args.split_first().ok_or("Required resource not specified.")?;
        let slashes = args.iter().filter(|arg| arg.contains('/')).count();
        let named = if slashes == args.len() {
            args.iter().map(|arg| by_name(arg)).collect::<Result<Vec<_>, _>>()?
        } else if slashes > 0 {
            return Err(
                "there is no need to specify a resource type as a separate argument when passing arguments in \
                        resource/name form (e.g. 'star-lab get resource/<resource_name>' instead of 'star-lab get \
                        resource resource/<resource_name>'"
                    .to_owned(),
            );
        } else {
            let mut kinds = Vec::new();
            for text in first.split(',') {
                let kind = kind(text)?;
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            if rest.is_empty() {
                let selector = selector.unwrap_or_default().parse().map_err(|error| format!("{error}"));
                return Ok(Self::Every(kinds, selector?));
            }
            if selector.is_some() {
                return Err("name cannot be provided when a selector is specified".to_owned());
            }
            kinds.iter().flat_map(|kind| rest.iter().map(|name| (*kind, name.clone()))).collect()
        };
        match selector {
            Some(_) => Err("selectors and the all flag cannot be used when passing resource/name arguments".to_owned()),
            None => Ok(Self::Named(named)),
        }
    }
}

/// An object by `TYPE/NAME`.
pub(crate) fn by_name(text: &str) -> Result<(Kind, String), String> {
    let (of, name) = text.split_once('/').unwrap_or((text, ""));
    if name.contains('/') {
        return Err("arguments in resource/name form may not have more than one slash".to_owned());
    }
    if of.is_empty() || name.is_empty() || of.contains(',') {
        return Err("arguments in resource/name form must have a single resource and name".to_owned());
    }
    Ok((kind(of)?, name.to_owned()))
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::called(text).ok_or_else(|| {
        let name = text.split('.').next().unwrap_or_default();
        format!("the server doesn't have a resource type {name:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &str, selector: Option<&str>) -> Result<Query, String> {
        Query::parse(&args.split_whitespace().map(str::to_owned).collect::<Vec<_>>(), selector)
    }

    fn named(objects: &[(Kind, &str)]) -> Result<Query, String> {
        Ok(Query::Named(objects.iter().map(|(kind, name)| (*kind, (*name).to_owned())).collect()))
    }

    #[test]
    fn kinds_and_names_are_read_in_each_of_kubectls_forms() {
        let every = |kinds: &[Kind]| Ok(Query::Every(kinds.to_vec(), Selector::default()));
        assert_eq!(parse("pods", None), every(&[Kind::Pod]));
        assert_eq!(parse("po,svc,pods", None), every(&[Kind::Pod, Kind::Service]));
        assert_eq!(parse("pod a b", None), named(&[(Kind::Pod, "a"), (Kind::Pod, "b")]));
        assert_eq!(parse("po/a svc/b", None), named(&[(Kind::Pod, "a"), (Kind::Service, "b")]));
        assert_eq!(parse("pods,svc a", None), named(&[(Kind::Pod, "a"), (Kind::Service, "a")]));
        let selected = Query::Every(vec![Kind::Pod], "role in (a),!b".parse().unwrap());
        assert_eq!(parse("pods", Some("role in (a),!b")), Ok(selected));
    }

    #[test]
    fn what_kubectl_refuses_is_refused_in_its_words() {
        for (args, selector, told) in [
            ("", None, "Required resource not specified."),
            ("pots", None, "the server doesn't have a resource type \"pots\""),
            ("pods,pots.apps", None, "the server doesn't have a resource type \"pots\""),
            ("pods pod/a", None, "there is no need to specify a resource type as a separate argument"),
            ("pod/a/b", None, "arguments in resource/name form may not have more than one slash"),
            ("pod/", None, "arguments in resource/name form must have a single resource and name"),
            ("pods,svc/a", None, "arguments in resource/name form must have a single resource and name"),
            ("pods a", Some("b"), "name cannot be provided when a selector is specified"),
            ("pod/a", Some("b"), "selectors and the all flag cannot be used when passing resource/name arguments"),
            ("pods", Some("a b"), "unable to parse requirement: found 'b', expected: in, notin, =, ==, !="),
        ] {
            let refused = parse(args, selector).unwrap_err();
            assert!(refused.starts_with(told), "{args}: {refused}");
        }
    }
}
