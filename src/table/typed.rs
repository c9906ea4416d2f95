//! Steps that were typed on a command line rather than written in a table.

use super::column::Column;
use super::plan::{open_file, uses_file};
use crate::case::check::{self, InStep};
use crate::case::step::Written;
use crate::case::{FileSpec, Ground, Mistake, Program};

/// A program, and what is to be noted about its steps.
pub type Typed = (Program, Vec<InStep>);

/// The program of these steps. The file is opened `O_RDWR` if a step names the descriptor `file`,
/// and the first mmap that gives its result no name is bound to `map`. Each mistake comes with the
/// number of its step, from 0, and a span in that step's text.
///
/// What would be a mistake in a table only because its answer depends on where the kernel puts
/// things is allowed here, and given beside the program.
pub fn steps(texts: &[String]) -> Result<Typed, Vec<(usize, Mistake)>> {
    steps_on(texts, Ground::Ordinary)
}

/// The same, with the file on a file system of its own.
pub fn steps_on(texts: &[String], on: Ground) -> Result<Typed, Vec<(usize, Mistake)>> {
    let mut written = Vec::new();
    let mut wrong = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        match Written::parse(text) {
            Ok(step) => written.push(step),
            Err(mistake) => wrong.push((i, mistake)),
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    bind_map(&mut written);
    let opened = written.iter().any(|w| uses_file(&w.step.args));
    if opened {
        written.insert(0, opening());
    }
    let file = FileSpec {
        on,
        ..FileSpec::default()
    };
    // Who asks what lies past a mapping may look; the machine sees to it that the harness itself
    // is left alone.
    for found in check::check(&written, &file, true) {
        wrong.push((
            found.step.saturating_sub(usize::from(opened)),
            found.mistake,
        ));
    }
    for (i, w) in written.iter().skip(usize::from(opened)).enumerate() {
        if w.claim.is_some() {
            let m = Mistake::new(w.claim_span.clone(), "claims are for tables");
            wrong.push((i, m.help("leave it out; what comes of the call is printed")));
        }
    }
    if wrong.is_empty() {
        let mut notes = check::check(&written, &file, false);
        for note in &mut notes {
            note.step = note.step.saturating_sub(usize::from(opened));
        }
        let steps = written.into_iter().map(|w| w.step).collect();
        Ok((Program::of(steps), notes))
    } else {
        wrong.sort_by_key(|(i, m)| (*i, m.span.start));
        Err(wrong)
    }
}

fn bind_map(written: &mut [Written]) {
    if written
        .iter()
        .any(|w| w.step.bind.as_deref() == Some("map"))
    {
        return;
    }
    let mut maps = written.iter_mut().filter(|w| w.step.call.name == "mmap");
    if let Some(first) = maps.find(|w| w.step.bind.is_none()) {
        first.step.bind = Some("map".to_owned());
    }
}

/// The step that opens the file, as a step that has no text.
fn opening() -> Written {
    let flags = Column::Open.ordinary().map(super::column::Value::arg);
    let step = open_file(flags.unwrap_or(crate::case::Arg::Buf));
    Written {
        arg_spans: vec![0..0; step.args.len()],
        step,
        claim: None,
        claim_span: 0..0,
        actor_span: None,
        bind_span: 0..0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(texts: &[&str]) -> Result<String, Vec<(usize, String)>> {
        let texts: Vec<String> = texts.iter().map(|t| (*t).to_owned()).collect();
        match steps(&texts) {
            Ok((program, _)) => Ok(program.to_string()),
            Err(wrong) => Err(wrong.into_iter().map(|(i, m)| (i, m.to_string())).collect()),
        }
    }

    const MMAP: &str = "mmap(NULL, 1page, PROT_READ, MAP_SHARED, file, 0)";

    #[test]
    fn the_file_is_opened_and_the_first_map_is_bound() {
        assert_eq!(
            typed(&[MMAP, "load(map, 1)", MMAP]),
            Ok(format!(
                "open file = open(file, O_RDWR)\nstep map = {MMAP}\nstep load(map, 1)\n\
                 step {MMAP}\n"
            ))
        );
        let own = format!("map = {MMAP}").replace("file", "-1");
        assert_eq!(
            typed(&["other = open(file, O_RDONLY)", &own]),
            Ok(format!("step other = open(file, O_RDONLY)\nstep {own}\n"))
        );
    }

    #[test]
    fn looking_past_a_mapping_is_noted() {
        let texts = [MMAP, "load(map + 1page, 1)"].map(str::to_owned);
        let (_, notes) = steps(&texts).unwrap();
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0].step, 1);
        assert!(notes[0].mistake.message.contains("goes past `map`"));
    }

    #[test]
    fn mistakes_have_the_number_of_their_step() {
        let wrong = typed(&[MMAP, "laod(map, 1)", "munmap(map)"]).unwrap_err();
        assert_eq!(
            wrong,
            [
                (1, "unknown call `laod`; did you mean `load`?".to_owned()),
                (
                    2,
                    "munmap lacks its argument `length`; it is written munmap(addr, length)"
                        .to_owned()
                ),
            ]
        );
        let wrong = typed(&[MMAP, "load(mop, 1)", "munmap(map, 1) = ok"]).unwrap_err();
        assert_eq!(wrong.len(), 2);
        assert!(wrong[0].1.contains("did you mean `map`?") && wrong[0].0 == 1);
        assert!(wrong[1].1.starts_with("claims are for tables") && wrong[1].0 == 2);
    }
}
