//! A case that is run twice, once with its faults caught and once dying of one of them, must tell
//! the same story.

use crate::case::Program;
use crate::transcript::{Outcome, Transcript, line};

/// Holds the transcript of a case that caught its faults against the one in which the actor of
/// step `step` died there. The error is a sentence that tells where they part.
///
/// They agree if every step before is the same, and the signal that was caught is the one that
/// killed. What comes after can't be compared: the actor is gone.
pub fn same_death(
    program: &Program,
    caught: &Transcript,
    died: &Transcript,
    step: usize,
) -> Result<(), String> {
    let Some(signal) = caught.outcomes.get(step).and_then(Outcome::signal) else {
        return Err(format!("step {} raised no signal when caught", step + 1));
    };
    for (n, own) in caught.outcomes.iter().enumerate().take(step) {
        let other = died.outcomes.get(n);
        if other != Some(own) {
            return Err(format!(
                "before the death, {} when caught, but {}",
                told(program, n, Some(own)),
                told(program, n, other)
            ));
        }
    }
    match died.outcomes.get(step) {
        Some(Outcome::Killed(killer)) if killer == signal => Ok(()),
        other => Err(format!(
            "{signal} was caught, but left to die: {}",
            told(program, step, other)
        )),
    }
}

fn told(program: &Program, n: usize, outcome: Option<&Outcome>) -> String {
    match (program.steps.get(n), outcome) {
        (Some(step), Some(outcome)) => line(step, outcome).unwrap_or_else(|| outcome.to_string()),
        _ => "nothing is told".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "own map = mmap(NULL, 2page, PROT_READ, MAP_SHARED, file, 0)\n\
        step load(map, 1)\nstep load(map + 1page, 1)\nstep load(map, 1)\n";

    fn held(caught: &str, died: &str, step: usize) -> Result<(), String> {
        same_death(
            &Program::parse(PROGRAM).unwrap(),
            &Transcript::parse(caught).unwrap(),
            &Transcript::parse(died).unwrap(),
            step,
        )
    }

    const CAUGHT: &str = "map\n\"a\"\nSIGBUS BUS_ADRERR at map + 1page\n\"a\"\nfile unchanged\n";

    #[test]
    fn where_they_part_is_told() {
        let died = "map\n\"b\"\nkilled SIGBUS\nnot reached: main\nfile unchanged\n";
        insta::assert_snapshot!(held(CAUGHT, died, 2).unwrap_err(), @r#"before the death, load(map, 1) = "a" when caught, but load(map, 1) = "b""#);
        let died = "map\n\"a\"\nkilled SIGSEGV\nnot reached: main\nfile unchanged\n";
        insta::assert_snapshot!(held(CAUGHT, died, 2).unwrap_err(), @"SIGBUS was caught, but left to die: load(map + 1page, 1) = killed SIGSEGV");
        let died = "map\n\"a\"\nexit 135\nfile unchanged\n";
        insta::assert_snapshot!(held(CAUGHT, died, 2).unwrap_err(), @"SIGBUS was caught, but left to die: load(map + 1page, 1) = exit 135");
        insta::assert_snapshot!(held(CAUGHT, "map\nno file\n", 2).unwrap_err(), @r#"before the death, load(map, 1) = "a" when caught, but nothing is told"#);
        insta::assert_snapshot!(held(CAUGHT, CAUGHT, 1).unwrap_err(), @"step 2 raised no signal when caught");
        assert!(held(CAUGHT, CAUGHT, 9).is_err());
    }

    #[test]
    fn what_comes_after_is_not_compared() {
        let died = "map\n\"a\"\nkilled SIGBUS\nnot reached: main\nfile = \"x\"\n";
        assert_eq!(held(CAUGHT, died, 2), Ok(()));
    }
}
