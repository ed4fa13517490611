//! `$(NAME)` in a container's command and environment, by Kubernetes' rules.
//! <https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/>

/// `text` with the value of each `$(NAME)`; one that has none stays as it is. `$$` is a `$` that begins nothing.
pub(crate) fn expand<'v>(text: &str, value: impl Fn(&str) -> Option<&'v str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find('$') {
        let (before, from) = rest.split_at(place);
        out.push_str(before);
        let reference = from.strip_prefix("$(").and_then(|inner| inner.split_once(')'));
        rest = match (reference, from.strip_prefix("$$")) {
            (Some((name, after)), _) => {
                match value(name) {
                    Some(value) => out.push_str(value),
                    None => out.push_str(&from[..from.len() - after.len()]),
                }
                after
            }
            (None, Some(after)) => {
                out.push('$');
                after
            }
            (None, None) => {
                out.push('$');
                &from[1..]
            }
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_kubernetes_reads_them() {
        let value = |name: &str| match name {
            "VAR" => Some("value"),
            "EMPTY" => Some(""),
            "NESTED" => Some("$(VAR)"),
            "a b" => Some("blank"),
            _ => None,
        };
        for (text, expanded) in [
            ("$(VAR)", "value"),
            ("a$(VAR)b$(VAR)", "avaluebvalue"),
            ("$(EMPTY)x", "x"),
            // What a value holds is not read again.
            ("$(NESTED)", "$(VAR)"),
            ("$(NOBODY)", "$(NOBODY)"),
            ("$(NOBODY)$(VAR)", "$(NOBODY)value"),
            ("$()", "$()"),
            ("$(a b)", "blank"),
            // Two make one, which begins nothing.
            ("$$(VAR)", "$(VAR)"),
            ("$$$(VAR)", "$value"),
            ("$$$$(VAR)", "$$(VAR)"),
            ("$$", "$"),
            ("$", "$"),
            ("a$", "a$"),
            ("$VAR", "$VAR"),
            ("$(VAR", "$(VAR"),
            ("$(VAR$(VAR)", "$(VAR$(VAR)"),
            ("$5 and $(VAR)", "$5 and value"),
            ("é$(VAR)é", "évalueé"),
        ] {
            assert_eq!(expand(text, value), expanded, "{text}");
        }
    }
}
