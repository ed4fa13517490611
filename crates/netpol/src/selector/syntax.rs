//! Selectors as `kubectl -l` reads them: `role=frontend,tier in (a,b),!legacy`.
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>

use std::str::FromStr;

use super::{Operator, Requirement, Selector, check_key, check_value};

/// Why a text is no selector, in the words of `kubectl`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unable to parse requirement: {0}")]
pub struct SyntaxError(String);

/// What a selector is written with. `in` and `notin` are words like others, but where an operator has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Symbol(&'t str),
    End,
}

impl<'t> Token<'t> {
    fn text(self) -> &'t str {
        match self {
            Self::Word(text) | Self::Symbol(text) => text,
            Self::End => "",
        }
    }
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    /// The next token, which stays.
    fn peek(&self) -> Token<'t> {
        let rest = self.rest.trim_start();
        let special = |c: char| "=!(),<>".contains(c);
        let symbol =
            ["==", "!=", "=", "!", "(", ")", ",", "<", ">"].into_iter().find(|symbol| rest.starts_with(symbol));
        match symbol {
            Some(symbol) => Token::Symbol(&rest[..symbol.len()]),
            None if rest.is_empty() => Token::End,
            None => Token::Word(&rest[..rest.find(|c: char| special(c) || c.is_whitespace()).unwrap_or(rest.len())]),
        }
    }

    fn next(&mut self) -> Token<'t> {
        let token = self.peek();
        self.rest = &self.rest.trim_start()[token.text().len()..];
        token
    }

    /// Takes the next token if it is this symbol.
    fn takes(&mut self, symbol: &str) -> bool {
        let found = self.peek() == Token::Symbol(symbol);
        if found {
            self.next();
        }
        found
    }

    fn requirement(&mut self) -> Result<Requirement, SyntaxError> {
        let absent = self.takes("!");
        let key = match self.next() {
            Token::Word(key) => key,
            other => return Err(expected(other, "identifier")),
        };
        let mut refused = Ok(());
        check_key(key, |message| refused = Err(SyntaxError(message)));
        refused?;
        let operator = match self.peek() {
            _ if absent => Operator::DoesNotExist,
            Token::End | Token::Symbol(",") => Operator::Exists,
            _ => match self.next() {
                Token::Symbol("=" | "==") => Operator::Equals(self.value()?),
                Token::Symbol("!=") => Operator::NotIn(vec![self.value()?]),
                Token::Word("in") => Operator::In(self.values()?),
                Token::Word("notin") => Operator::NotIn(self.values()?),
                other => return Err(expected(other, "in, notin, =, ==, !=")),
            },
        };
        Ok(Requirement { key: key.to_owned(), operator })
    }

    /// A single value, which may be empty.
    fn value(&mut self) -> Result<String, SyntaxError> {
        match self.peek() {
            Token::End | Token::Symbol(",") => Ok(String::new()),
            Token::Word(value) => {
                self.next();
                checked(value)
            }
            other => Err(expected(other, "identifier")),
        }
    }

    /// A list of values in parentheses. `(a,)` has an empty one, and so has `(,a)`.
    fn values(&mut self) -> Result<Vec<String>, SyntaxError> {
        if !self.takes("(") {
            return Err(expected(self.peek(), "'('"));
        }
        if self.takes(")") {
            return Err(SyntaxError("for 'in', 'notin' operators, values set can't be empty".to_owned()));
        }
        let mut values = Vec::new();
        loop {
            match self.peek() {
                Token::Word(value) => {
                    self.next();
                    values.push(checked(value)?);
                }
                Token::Symbol("," | ")") => values.push(String::new()),
                other => return Err(expected(other, "',', ')' or identifier")),
            }
            if self.takes(")") {
                values.sort();
                values.dedup();
                return Ok(values);
            }
            if !self.takes(",") {
                return Err(expected(self.peek(), "',' or ')'"));
            }
        }
    }
}

impl FromStr for Selector {
    type Err = SyntaxError;

    /// # Errors
    /// What `kubectl -l` would refuse, and `<` and `>`, which no label selector of an object has.
    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let mut reader = Reader { rest: text };
        let mut requirements = Vec::new();
        if reader.peek() == Token::End {
            return Ok(Self { requirements });
        }
        loop {
            match reader.peek() {
                Token::Word(_) | Token::Symbol("!") => requirements.push(reader.requirement()?),
                other => {
                    let wanted = if requirements.is_empty() {
                        "!, identifier, or 'end of string'"
                    } else {
                        "identifier after ','"
                    };
                    return Err(expected(other, wanted));
                }
            }
            match reader.next() {
                Token::End => return Ok(Self { requirements }),
                Token::Symbol(",") => {}
                other => return Err(expected(other, "',' or 'end of string'")),
            }
        }
    }
}

fn checked(value: &str) -> Result<String, SyntaxError> {
    let mut refused = Ok(value.to_owned());
    check_value(value, |message| refused = Err(SyntaxError(message)));
    refused
}

fn expected(found: Token<'_>, wanted: &str) -> SyntaxError {
    SyntaxError(format!("found '{}', expected: {wanted}", found.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        text.parse::<Selector>().unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
    }

    #[test]
    fn every_form_that_kubectl_takes_is_read() {
        for (text, read_as) in [
            ("", ""),
            ("role=frontend", "role=frontend"),
            ("role==frontend", "role=frontend"),
            (" role = frontend , tier ", "role=frontend,tier"),
            ("role!=frontend", "role notin (frontend)"),
            ("role in (b,a)", "role in (a,b)"),
            ("role in(a)", "role in (a)"),
            ("role notin ( a , b ),!legacy", "role notin (a,b),!legacy"),
            ("! legacy", "!legacy"),
            ("example.com/role", "example.com/role"),
            // An empty value is one, and a list may have it.
            ("role=", "role="),
            ("role=,tier", "role=,tier"),
            ("role in (,a)", "role in (,a)"),
            ("role in (a,)", "role in (,a)"),
            // Only where an operator has to be are these two more than words.
            ("in in (in,notin)", "in in (in,notin)"),
            ("notin=in", "notin=in"),
        ] {
            assert_eq!(read(text), read_as, "{text}");
        }
    }

    #[test]
    fn what_kubectl_refuses_is_refused_in_its_words() {
        for (text, told) in [
            (",", "found ',', expected: !, identifier, or 'end of string'"),
            ("role,", "found '', expected: identifier after ','"),
            ("role=a b", "found 'b', expected: ',' or 'end of string'"),
            ("!role=a", "found '=', expected: ',' or 'end of string'"),
            ("!=a", "found '!=', expected: !, identifier, or 'end of string'"),
            ("role a", "found 'a', expected: in, notin, =, ==, !="),
            ("role>1", "found '>', expected: in, notin, =, ==, !="),
            ("role in a", "found 'a', expected: '('"),
            ("role in ()", "for 'in', 'notin' operators, values set can't be empty"),
            ("role in (a", "found '', expected: ',' or ')'"),
            ("role in (a b)", "found 'b', expected: ',' or ')'"),
            ("role=(a)", "found '(', expected: identifier"),
            ("-role", "\"-role\" is not a label key"),
            ("role=a/b", "\"a/b\" is not a label value"),
        ] {
            let error = text.parse::<Selector>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("unable to parse requirement: {told}")), "{text}: {error}");
        }
    }

    #[test]
    fn not_equal_selects_what_has_no_such_label_at_all() {
        let selector: Selector = "role!=frontend".parse().unwrap();
        assert!(selector.matches(&super::super::Labels::new()));
        assert!(!selector.matches(&[("role".to_owned(), "frontend".to_owned())].into()));
    }
}
