//! Colours, where somebody sees them.

use std::fmt::Display;

use anstream::{AutoStream, ColorChoice, stream::RawStream};
use anstyle::{AnsiColor, Style};
use star_netpol::reach::Verdict;

pub(crate) const TITLE: Style = Style::new().bold();

/// Whether to colour.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    /// Colours on a terminal, and none in a pipe; `NO_COLOR` and its like are heeded.
    pub fn on(stream: &impl RawStream) -> Self {
        Self(AutoStream::choice(stream) != ColorChoice::Never)
    }

    pub(crate) fn text(self, style: Style, text: impl Display) -> String {
        match self.0 {
            true => format!("{style}{text}{style:#}"),
            false => text.to_string(),
        }
    }

    pub(crate) fn verdict(self, verdict: Verdict, text: impl Display) -> String {
        self.text(style(verdict), text)
    }
}

fn style(verdict: Verdict) -> Style {
    let colour = match verdict {
        Verdict::Allowed => AnsiColor::Green,
        Verdict::Denied => AnsiColor::Red,
        Verdict::Partial => AnsiColor::Cyan,
        Verdict::Undecided => AnsiColor::Yellow,
    };
    colour.on_default()
}
