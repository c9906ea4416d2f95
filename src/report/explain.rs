//! One case, explained: its calls as C would make them, its rule, and what is recorded of it.

use super::in_c::in_c;
use super::text::wrap;
use crate::case::{Case, Program, Scale};
use crate::known::Entry;
use crate::machine::model::Told;
use crate::snapshot::{Recorded, tidy};
use anstyle::Style;
use std::io::{self, Write};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// What there is to say of a case.
#[derive(Debug)]
pub struct Explained<'a> {
    /// The case.
    pub case: &'a Case,
    /// The machine that its quantities are worked out for.
    pub scale: &'a Scale,
    /// The folder of that machine's own records.
    pub home: &'a str,
    /// What is recorded for that machine.
    pub here: Recorded<'a>,
    /// What each folder of records holds of it, and how the folder is named.
    pub everywhere: &'a [(String, String)],
    /// The entries of the list of known deviations that name it.
    pub known: &'a [&'a Entry],
    /// What the model says of it, in each reading.
    pub modelled: &'a [Reading<'a>],
}

/// What one reading of the model says of a case.
#[derive(Debug)]
pub struct Reading<'a> {
    /// What is read, and of which machine.
    pub name: String,
    /// What it allows, and why; or why there is none.
    pub told: Result<Told, String>,
    /// The program.
    pub program: &'a Program,
}

/// Writes it, in lines of at most `width` characters where they can be broken.
pub fn explain(out: &mut dyn Write, width: usize, what: &Explained<'_>) -> io::Result<()> {
    let case = what.case;
    writeln!(out, "{BOLD}{}{BOLD:#}", tidy(&case.id))?;
    paragraph(out, width, 2, &case.why)?;
    for cite in &case.cite {
        paragraph(out, width, 2, &format!("rule: {cite}"))?;
    }
    for need in &case.needs {
        paragraph(out, width, 2, &format!("needs: {need}"))?;
    }
    writeln!(out, "  {DIM}{}:{}{DIM:#}", tidy(&case.file), case.line)?;

    heading(out, "The calls, as C would make them")?;
    for line in in_c(case, what.scale) {
        writeln!(out, "    {}", tidy(&line))?;
    }

    heading(out, "What is allowed")?;
    let claimed = case.program.steps.iter().zip(&case.claims);
    let claimed = claimed.filter_map(|(step, claim)| Some((step, claim.as_ref()?)));
    let mut none = true;
    for (step, claim) in claimed {
        none = false;
        paragraph(out, width, 4, &format!("{} = {claim}", step.call_text()))?;
    }
    if none {
        paragraph(out, width, 4, "anything: no step has a claim")?;
    }

    if !what.modelled.is_empty() {
        heading(out, "What the model says")?;
    }
    for reading in what.modelled {
        modelled(out, width, reading)?;
    }

    heading(out, "What is recorded")?;
    for (folder, block) in what.everywhere {
        writeln!(out, "    {}", tidy(folder))?;
        for line in block.lines() {
            writeln!(out, "    {}", tidy(line))?;
        }
    }
    paragraph(out, width, 4, &here(what))?;

    if !what.known.is_empty() {
        heading(out, "What is known and tolerated")?;
    }
    for entry in what.known {
        let (file, line) = entry.place();
        paragraph(out, width, 4, entry.tolerated())?;
        paragraph(out, width, 6, &format!("{} ({})", entry.reason, entry.link))?;
        paragraph(out, width, 6, &format!("{file}:{line}"))?;
    }
    Ok(())
}

/// One reading: what it allows of each step, and the clauses that say so.
fn modelled(out: &mut dyn Write, width: usize, reading: &Reading<'_>) -> io::Result<()> {
    writeln!(out, "    {}", tidy(&reading.name))?;
    let told = match &reading.told {
        Ok(told) => told,
        Err(why) => return paragraph(out, width, 6, why),
    };
    for (n, (step, allowed)) in reading.program.steps.iter().zip(&told.steps).enumerate() {
        let line = format!("{} = {allowed}", step.call_text());
        paragraph(out, width, 6, &line)?;
        for clause in told.decided.iter().filter(|(s, _)| *s == n).map(|(_, c)| c) {
            paragraph(out, width, 10, &format!("{}: {}", clause.id, clause.text))?;
            paragraph(out, width, 12, &clause.cite.join("; "))?;
        }
    }
    Ok(())
}

/// What that comes to on the machine at hand.
fn here(what: &Explained<'_>) -> String {
    let home = what.home;
    match what.here {
        Recorded::Block(block) => {
            let mut holders = what.everywhere.iter().rev();
            match holders.find(|(_, b)| b == block) {
                Some((folder, _)) if folder == home => format!("this machine is {home}"),
                Some((folder, _)) => {
                    format!("this machine, {home}, was seen to agree with {folder}")
                }
                None => format!("this machine is {home}"),
            }
        }
        Recorded::Unrecorded => format!("nothing that still holds is recorded for {home}"),
        Recorded::NoRecordFits(_) => {
            format!("nobody has recorded it on a machine like this one, {home}")
        }
    }
}

fn heading(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, "\n{BOLD}{text}{BOLD:#}")
}

fn paragraph(out: &mut dyn Write, width: usize, indent: usize, text: &str) -> io::Result<()> {
    for line in wrap(&tidy(text), indent, indent + 2, width) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::tests::{GOOD, past_eof};
    use crate::known::tests::{entry, list};
    use crate::platform::tests::reference_machine;
    use crate::transcript::Transcript;

    fn text(what: &Explained<'_>) -> String {
        let mut out = Vec::new();
        explain(&mut anstream::StripStream::new(&mut out), 80, what).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_case() {
        let case = past_eof();
        let block = Transcript::parse(GOOD).unwrap().block(&case.program);
        let everywhere = [
            ("linux-x86_64".to_owned(), block.clone()),
            ("fs-odd".to_owned(), "  mmap = ENODEV\n".to_owned()),
        ];
        let known = list(
            "linux-x86_64.toml",
            &entry("eof::*", "EIO"),
            &reference_machine(),
        );
        let known = known.unwrap();
        let known = [known.entry(0).unwrap()];
        let mut what = Explained {
            case: &case,
            scale: &Scale::ordinary(4096),
            home: "fs-tmpfs",
            here: Recorded::Block(&block),
            everywhere: &everywhere,
            known: &known,
            modelled: &[],
        };
        insta::assert_snapshot!(text(&what), @r##"
    eof::past-eof[flags=MAP_SHARED]
      a page wholly past the end of the file has nothing behind it
      rule: POSIX mmap() DESCRIPTION
      rule: mmap(2) NOTES
      cases/eof.toml:14

    The calls, as C would make them
        /* pages of 4096 bytes */
        /* "file": 4096 bytes, all a hole */
        /* each call goes straight to the kernel, as by syscall(2) */
        /* memory is touched byte by byte; a signal is caught, and the case goes on */
        int fd = open("file", O_RDWR);
        char *map = mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);  /* ok */
        *(volatile char *)(map + 4096);  /* SIGBUS BUS_ADRERR at map + 1page */
        *(volatile char *)(map);

    What is allowed
        mmap(NULL, 2page, PROT_READ|PROT_WRITE, MAP_SHARED, file, 0) = ok
        load(map + 1page, 1) = SIGBUS BUS_ADRERR at map + 1page

    What is recorded
        linux-x86_64
          mmap = map
          load(map + 1page, 1) = SIGBUS BUS_ADRERR at map + 1page
          load(map, 1) = x"00"
          file unchanged
        fs-odd
          mmap = ENODEV
        this machine, fs-tmpfs, was seen to agree with linux-x86_64

    What is known and tolerated
        EIO
          why (https://x.example/1)
          embedded linux-x86_64.toml:2
    "##);
        what.here = Recorded::NoRecordFits(Some(&block));
        assert!(
            text(&what).contains("nobody has recorded it on a machine like this one, fs-tmpfs")
        );
        what.here = Recorded::Unrecorded;
        assert!(text(&what).contains("nothing that still holds is recorded for fs-tmpfs"));
        what.here = Recorded::Block(&block);
        what.home = "linux-x86_64";
        assert!(text(&what).contains("this machine is linux-x86_64"));
    }

    #[test]
    fn a_case_that_claims_nothing_is_told_so() {
        let mut case = past_eof();
        case.claims = vec![None; 4];
        let what = Explained {
            case: &case,
            scale: &Scale::ordinary(4096),
            home: "linux-x86_64",
            here: Recorded::Unrecorded,
            everywhere: &[],
            known: &[],
            modelled: &[],
        };
        assert!(text(&what).contains("anything: no step has a claim"));
    }
}
