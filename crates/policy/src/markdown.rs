//! Tables that GitHub renders.

use std::io::{self, Write};

use star_netpol::reach::Verdict;

use crate::diff::{Change, Changes};

/// GitHub takes comments of at most 65,536 characters; what the action adds to ours needs a little.
const MOST: usize = 60_000;

/// Pairs and their connections.
pub(crate) fn pairs(lines: &[(String, String, Verdict, String)], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "| source | destination | verdict | connections |\n| --- | --- | --- | --- |")?;
    for (source, destination, verdict, connections) in lines {
        writeln!(out, "| {} | {} | {verdict} | {} |", text(source), text(destination), text(connections))?;
    }
    Ok(())
}

/// What opens, what closes and what becomes undecided, each with the rule that says so; cut where GitHub would refuse it.
pub(crate) fn changes(changes: &Changes, out: &mut impl Write) -> io::Result<()> {
    let lines = changes.lines();
    if lines.is_empty() {
        return writeln!(out, "No edge opens or closes.");
    }
    let mut written = 0;
    let mut left = 0;
    for (title, signs) in [("Opens", "+"), ("Closes", "-"), ("Becomes undecided", "?")] {
        let rows: Vec<_> = lines.iter().filter_map(|(edge, change)| row(edge, change, signs)).collect();
        if rows.is_empty() {
            continue;
        }
        let head = format!("### {title} ({})\n\n| edge | connections | because |\n| --- | --- | --- |\n", rows.len());
        let mut text = head;
        for row in rows {
            match written + text.len() + row.len() > MOST {
                true => left += 1,
                false => text += &row,
            }
        }
        written += text.len();
        writeln!(out, "{text}")?;
    }
    match left {
        0 => Ok(()),
        _ => writeln!(out, "{left} more lines do not fit here: `star-policy diff` has them all."),
    }
}

fn row(edge: &str, change: &Change, sign: &str) -> Option<String> {
    let effects: Vec<_> = change.effects().into_iter().filter(|(words, ..)| words.starts_with(sign)).collect();
    let connections: Vec<_> = effects.iter().map(|(.., connections)| text(connections)).collect();
    let because: Vec<_> = change.reasons.iter().map(|reason| text(reason)).collect();
    let edge = text(edge);
    (!effects.is_empty()).then(|| format!("| {edge} | {} | {} |\n", connections.join("<br>"), because.join("<br>")))
}

/// Text of the input as text, and in one cell.
fn text(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '#' | '@' => plain.extend(['\\', c]),
            '<' => plain += "&lt;",
            '>' => plain += "&gt;",
            '&' => plain += "&amp;",
            '\n' | '\r' => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}
