//! `star-policy lint`: the mistakes that people make in policies.

use std::{
    io::{BufWriter, Write},
    process::ExitCode,
};

use anstyle::AnsiColor;
use serde::Serialize;
use star_netpol::lint::{self, Finding};

use crate::{
    args::{LintArgs, LintOutput},
    document::Place,
    input,
    paint::{Paint, TITLE},
};

#[derive(Serialize)]
struct Document<'l> {
    findings: Vec<Found<'l>>,
    warnings: &'l [String],
}

#[derive(Serialize)]
struct Found<'l> {
    mistake: lint::Mistake,
    policy: &'l str,
    #[serde(flatten)]
    at: Place<'l>,
    message: &'l str,
    effects: &'l [String],
    cure: &'l str,
}

pub(crate) fn run(args: LintArgs, paint: Paint, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let LintArgs { file, reading, output, misplaced } = args;
    input::ensure_none(&misplaced)?;
    let (evaluator, warnings) = input::evaluator(&file, &reading)?;
    let findings = lint::findings(&evaluator);
    let mut out = BufWriter::new(out);
    if output != LintOutput::Json {
        input::print_warnings(&warnings);
    }
    match output {
        LintOutput::Text => findings.iter().try_for_each(|finding| text(finding, paint, &mut out))?,
        LintOutput::Json => {
            let findings = findings.iter().map(Found::from).collect();
            serde_json::to_writer(&mut out, &Document { findings, warnings: &warnings })?;
            writeln!(out)?;
        }
        LintOutput::Junit => junit(&findings, &mut out)?,
        LintOutput::Github => findings.iter().try_for_each(|finding| annotation(finding, &mut out))?,
    }
    out.flush()?;
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

impl<'l> From<&'l Finding> for Found<'l> {
    fn from(Finding { mistake, at, policy, sentence, effects, cure }: &'l Finding) -> Self {
        Self { mistake: *mistake, policy, at: at.into(), message: sentence, effects, cure }
    }
}

fn text(finding: &Finding, paint: Paint, out: &mut impl Write) -> std::io::Result<()> {
    let Finding { mistake, at, policy, sentence, effects, cure } = finding;
    let title = paint.text(TITLE, format_args!("{}:{}:{}: {policy}", at.file, at.line, at.column));
    let mistake = paint.text(AnsiColor::Yellow.on_default(), format_args!("[{mistake}]"));
    writeln!(out, "{title}: {sentence} {mistake}")?;
    effects.iter().try_for_each(|effect| writeln!(out, "  {effect}"))?;
    writeln!(out, "  cure:")?;
    cure.lines().try_for_each(|line| writeln!(out, "    {line}"))
}

/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-a-warning-message>
fn annotation(finding: &Finding, out: &mut impl Write) -> std::io::Result<()> {
    let Finding { mistake, at, policy, sentence, effects, cure } = finding;
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let message = format!("{policy}: {sentence}\n{}\ncure:\n{cure}", effects.join("\n"));
    let (file, title) = (property(&at.file), property(&mistake.to_string()));
    writeln!(
        out,
        "::warning file={file},line={},col={},title={title}::{}",
        at.line,
        at.column,
        data(message.trim_end())
    )
}

fn junit(findings: &[Finding], out: &mut impl Write) -> std::io::Result<()> {
    let count = findings.len();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    // Without any finding there is still a test that passed.
    writeln!(out, "<testsuite name=\"star-policy lint\" tests=\"{}\" failures=\"{count}\">", count.max(1))?;
    if findings.is_empty() {
        writeln!(out, "  <testcase name=\"no mistakes\" classname=\"star-policy\"/>")?;
    }
    for Finding { mistake, at, policy, sentence, effects, cure } in findings {
        let (policy, sentence) = (xml(policy), xml(sentence));
        let place = xml(&format!("{}:{}", at.file, at.line));
        writeln!(out, "  <testcase name=\"{mistake}: {policy}\" classname=\"{place}\">")?;
        let body = xml(&format!("{place}\n{}\ncure:\n{cure}", effects.join("\n")));
        writeln!(out, "    <failure message=\"{sentence}\" type=\"{mistake}\">{body}</failure>\n  </testcase>")?;
    }
    writeln!(out, "</testsuite>")
}

/// Text as XML has it; characters that XML does not know are left out.
fn xml(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}
