//! A JSON value as YAML, laid out as `kubectl -o yaml` does.

use serde_json::Value;

/// `value` as a YAML document.
pub(crate) fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(_) | Value::Array(_) if !is_empty(value) => write(value, 0, &mut out),
        _ => out = scalar(value) + "\n",
    }
    out
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// Writes the lines of a list or a mapping. The first one begins where the text ends.
fn write(value: &Value, indent: usize, out: &mut String) {
    let next_line = |out: &mut String| {
        if out.ends_with('\n') {
            out.push_str(&" ".repeat(indent));
        }
    };
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                next_line(out);
                out.push_str(&text(key));
                match value {
                    // A list begins below its key's first letter.
                    Value::Array(_) if !is_empty(value) => {
                        out.push_str(":\n");
                        write(value, indent, out);
                    }
                    Value::Object(_) if !is_empty(value) => {
                        out.push_str(":\n");
                        write(value, indent + 2, out);
                    }
                    _ => *out += &format!(": {}\n", scalar(value)),
                }
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                next_line(out);
                out.push_str("- ");
                write(item, indent + 2, out);
            }
        }
        _ => *out += &format!("{}\n", scalar(value)),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(string) => text(string),
        other => other.to_string(),
    }
}

/// A text, in quotes where it would be something else without them.
fn text(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./+=@%^~()*&![]{}<>|?$;,:#'\" ".contains(c);
    let begins = text.starts_with(|c: char| c.is_alphanumeric() || "_./+-=$(^~;<".contains(c));
    let ends = !text.ends_with([' ', ':']);
    if !text.chars().all(|c| plain(c) || c == '`' || c == '\\') || is_another_scalar(text) {
        // JSON's strings are YAML's, too.
        return Value::from(text).to_string();
    }
    if begins && ends && !text.starts_with("- ") && text != "-" && !text.contains(": ") && !text.contains(" #") {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// Whether YAML 1.1 takes a text without quotes for a null, a boolean, a number or a time.
fn is_another_scalar(text: &str) -> bool {
    const WORDS: [&str; 11] = ["", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let number = text.trim_start_matches(['+', '-']).replace('_', "");
    let radix = ["0x", "0b", "0o", ".inf", ".nan"].iter().any(|prefix| number.to_lowercase().starts_with(prefix));
    // `1:30` is ninety, and `2026-01-02` a day.
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || ".:".contains(c));
    let date = text.len() >= 8 && text.starts_with(|c: char| c.is_ascii_digit()) && text.split('-').count() >= 3;
    WORDS.contains(&&*text.to_lowercase())
        || ["=", "<<"].contains(&text)
        || radix
        || number.parse::<f64>().is_ok()
        || number.contains(':') && digits(&number)
        || date && text.split('-').take(2).all(digits)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use star_netpol::manifest;

    use super::*;

    #[test]
    fn lists_and_mappings_are_laid_out_as_kubectl_does() {
        let value = json!({
            "kind": "Pod", "empty": {}, "none": [], "nothing": null,
            "metadata": {"labels": {"role": "a"}, "name": "x"},
            "spec": {"containers": [{"args": ["--http-port=80", "--urls="], "name": "c"}, {"name": "d"}], "nested": [["a", 1], []]},
        });
        let told = "\
empty: {}
kind: Pod
metadata:
  labels:
    role: a
  name: x
none: []
nothing: null
spec:
  containers:
  - args:
    - --http-port=80
    - --urls=
    name: c
  - name: d
  nested:
  - - a
    - 1
  - []
";
        assert_eq!(document(&value), told);
    }

    #[test]
    fn texts_have_quotes_where_kubectl_gives_them_some() {
        for (text, told) in [
            ("10.244.0.3", "10.244.0.3"),
            ("http://a.b:80/status,http://c", "http://a.b:80/status,http://c"),
            ("a b", "a b"),
            ("80", "\"80\""),
            ("0x50", "\"0x50\""),
            ("1e3", "\"1e3\""),
            ("yes", "\"yes\""),
            ("", "\"\""),
            ("2026-11-28T05:00:00Z", "\"2026-11-28T05:00:00Z\""),
            ("1:30", "\"1:30\""),
            ("a: b", "'a: b'"),
            ("*.example", "'*.example'"),
            ("it's: so", "'it''s: so'"),
            ("two\nlines", "\"two\\nlines\""),
        ] {
            assert_eq!(document(&json!(text)), format!("{told}\n"));
        }
    }

    #[test]
    fn what_is_written_reads_as_what_it_was() {
        for text in [
            "",
            " ",
            "-",
            "- a",
            "a:",
            "a: b",
            ":",
            "#",
            "a #b",
            "a#b",
            "'",
            "\"",
            "'a'",
            "!a",
            "&a",
            "*a",
            "?",
            "? a",
            "|",
            ">",
            "%a",
            "@a",
            "`a",
            "{a",
            "[a",
            "a]",
            "}",
            "~",
            "null",
            "on",
            "NO",
            "y",
            "1",
            "-1",
            "+1.5",
            ".5",
            "0o17",
            "017",
            "1_000",
            ".inf",
            "---",
            "...",
            "a\tb",
            "a\u{7f}",
            "é",
            "<<",
            "=",
            ",a",
            "a ",
            " a",
            "\\",
            "a\\n",
            "\r",
            "0.0.0.0/0",
            "1.2.3.4",
            "2001:db8::1",
        ] {
            let written = document(
                &json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}, "list": [{"a": text}], format!("{text}."): "b"}),
            );
            let objects = manifest::parse(&"a".into(), &written).unwrap_or_else(|error| panic!("{error}: {written}"));
            let node = &objects[0].node;
            let item = node.get("list").unwrap().items()[0].get("a");
            // A text that is no text any more is none to this reader either.
            let read = item.filter(|node| {
                matches!(node.value, star_netpol::node::Value::Scalar(_, star_netpol::node::Scalar::String))
            });
            assert_eq!(read.and_then(star_netpol::node::Node::text), Some(text), "{written}");
            assert!(node.entries().iter().any(|entry| *entry.key == *format!("{text}.")), "{written}");
        }
    }
}
