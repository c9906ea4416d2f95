//! A case as it would stand in a table.

use crate::case::Program;
use crate::case::step::{Role, Step, Written};
use crate::transcript::{Outcome, Transcript};
use std::fmt::Write;

/// The case of a seed. What was observed of a step is its claim; what the rule is, whoever puts it
/// into a table has to say.
pub fn case(name: &str, program: &Program, observed: &Transcript, note: &[String]) -> String {
    let mut text = String::new();
    // Nothing that is written to a string fails.
    for line in note {
        let _ = writeln!(text, "# {line}");
    }
    let _ = writeln!(text, "[[case]]\nname = \"{name}\"");
    text.push_str("why  = \"\"\ncite = \"\"\nmap  = false\n");
    if program.uses_file() || program.uses_fd("memfd") {
        let _ = write!(text, "file = {{ size = \"{}\"", program.file.size);
        if !program.file.content.chunks.is_empty() {
            let _ = write!(
                text,
                ", content = {}",
                quoted(&program.file.content.to_string())
            );
        }
        text.push_str(" }\n");
    }
    let mut then = String::new();
    for (step, outcome) in program.steps.iter().zip(&observed.outcomes) {
        match step.role {
            Role::Open => {
                let flags = step.args.get(1).zip(step.call.args.get(1));
                let flags = flags.map(|(arg, spec)| arg.display(spec));
                let _ = writeln!(text, "open = \"{}\"", flags.unwrap_or_default());
            }
            _ => {
                let _ = writeln!(then, "  {},", quoted(&claimed(step, outcome)));
            }
        }
    }
    let _ = writeln!(text, "then = [\n{then}]");
    text
}

/// The step with its outcome as a claim; what is no claim leaves the bare step.
fn claimed(step: &Step, outcome: &Outcome) -> String {
    let outcome = match outcome {
        Outcome::Value(_) if step.bind.is_some() => "ok".to_owned(),
        other => other.to_string(),
    };
    let whole = format!("{step} = {outcome}");
    match Written::parse(&whole) {
        Ok(_) => whole,
        Err(_) => step.to_string(),
    }
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    if text.contains('\'') {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        format!("'{text}'")
    }
}
