//! Colours; the stream leaves them out where nobody sees them.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};
use star_netpol::evaluator::Verdict;

pub(crate) fn style(verdict: Verdict) -> Style {
    let colour = match verdict {
        Verdict::Allowed => AnsiColor::Green,
        Verdict::Denied => AnsiColor::Red,
        Verdict::Partial => AnsiColor::Cyan,
        Verdict::Undecided => AnsiColor::Yellow,
    };
    colour.on_default()
}

pub(crate) const TITLE: Style = Style::new().bold();

pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
