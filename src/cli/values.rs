//! Values of arguments, and how they are read.

use crate::case::call;
use crate::sample::Sample;
use crate::suite::Partition;
use clap::ValueEnum;
use std::path::PathBuf;

/// In which form a run is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people
    Human,
    /// A line of JSON for each case
    Json,
    /// JUnit's XML
    Junit,
    /// The kernel's Test Anything Protocol
    Ktap,
    /// For people, with GitHub's annotations and the summary of the step
    Github,
}

/// In which form a comparison is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Page {
    /// For the terminal
    Text,
    /// Markdown
    Markdown,
    /// JSON
    Json,
    /// One page of HTML
    Html,
}

pub(super) fn sample(text: &str) -> Result<Sample, String> {
    let wrong = || "a part is written `2%`, or `0.1%`".to_owned();
    Sample::parse(text).ok_or_else(wrong)
}

pub(super) fn seed(text: &str) -> Result<u64, String> {
    let read = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    read.map_err(|_| "a seed is a number, `7` or `0x7f`".to_owned())
}

pub(super) fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse::<f64>();
    match number {
        Ok(n) if (0.0..=100.0).contains(&n) => Ok(n),
        _ => Err("a part is written `95%`, from 0 to 100".to_owned()),
    }
}

pub(super) fn partition(text: &str) -> Result<Partition, String> {
    let wrong = || "a part is written `slice:1/4` or `hash:1/4`, counted from 1".to_owned();
    let (way, rest) = text.split_once(':').ok_or_else(wrong)?;
    let (part, parts) = rest.split_once('/').ok_or_else(wrong)?;
    match (way, part.parse(), parts.parse()) {
        ("slice", Ok(part), Ok(parts)) if part >= 1 && part <= parts => {
            Ok(Partition::Slice(part, parts))
        }
        ("hash", Ok(part), Ok(parts)) if part >= 1 && part <= parts => {
            Ok(Partition::Hash(part, parts))
        }
        _ => Err(wrong()),
    }
}

/// The name of a call that the case language has.
pub(super) fn call_name(name: &str) -> Result<&'static str, String> {
    let names = || call::all().map(|c| c.name);
    names().find(|n| *n == name).ok_or_else(|| {
        let near = crate::case::mistake::nearest(name, names());
        let near = near.map_or(String::new(), |n| format!("; did you mean `{n}`?"));
        format!("no call is named so{near}")
    })
}

/// `FORM=FILE`.
pub(super) fn form_in_file(text: &str) -> Result<(Form, PathBuf), String> {
    let (form, file) = text
        .split_once('=')
        .filter(|(_, file)| !file.is_empty())
        .ok_or("write the form and the file: `junit=results.xml`")?;
    Ok((Form::from_str(form, false)?, file.into()))
}
