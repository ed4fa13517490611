//! Text that comes from somebody else, or is made of what came: bounded, and without what a reader cannot see.

use std::fmt::{self, Write};

/// How long a sentence about a peer may be, in bytes.
pub const MAX_MESSAGE: usize = 512;

/// What stands where a text was cut.
const ELLIPSIS: char = '…';

/// `text` as a reader sees it, in `most` bytes: a character that cannot be seen is escaped as Rust writes it (`\n`,
/// `\u{202e}`); what is longer is cut at a character, and ends in `…`.
///
/// It is cut while it is made, so that a peer's megabytes never stand in a message.
pub fn plain(text: impl fmt::Display, most: usize) -> String {
    let mut plain = Plain { text: String::new(), most, room: 0 };
    if write!(plain, "{text}").is_err() {
        plain.text.truncate(plain.room);
        plain.text.push(ELLIPSIS);
    }
    plain.text
}

/// Whether a reader cannot see the character: a control, a separator of lines, or one of those without a width, which
/// also turn the text around them (Unicode's Cc, Zl, Zp, and Cf as far as it is invisible).
pub fn is_invisible(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(char, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Takes text until it is full; an error then ends whoever writes.
struct Plain {
    text: String,
    most: usize,
    /// Up to where the text may stay if it has to be cut: there is room for the ellipsis behind.
    room: usize,
}

impl Plain {
    fn push(&mut self, char: char) -> fmt::Result {
        if self.text.len() + char.len_utf8() > self.most {
            return Err(fmt::Error);
        }
        self.text.push(char);
        if self.text.len() + ELLIPSIS.len_utf8() <= self.most {
            self.room = self.text.len();
        }
        Ok(())
    }
}

impl Write for Plain {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|char| match is_invisible(char) {
            false => self.push(char),
            true => char.escape_default().try_for_each(|char| self.push(char)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_within_its_bound_stays_as_it_is() {
        for text in ["", "a", "프런트", "12345678"] {
            assert_eq!(plain(text, 9), text);
        }
    }

    #[test]
    fn a_longer_text_is_cut_at_a_character_and_says_so() {
        assert_eq!(plain("123456789", 8), "12345…");
        assert_eq!(plain("프런트엔드", 11), "프런…");
        for most in 3..40 {
            let cut = plain("프a런b트c엔d드".repeat(4), most);
            assert!(cut.len() <= most && cut.ends_with('…'), "{cut} in {most}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        assert_eq!(plain("a\r\nb\u{1b}[31m\u{202e}c\u{0}", 99), r"a\r\nb\u{1b}[31m\u{202e}c\u{0}");
    }

    #[test]
    fn who_writes_without_end_is_ended() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("more ")?;
                }
            }
        }
        assert_eq!(plain(Endless, 12), "more more…");
    }
}
