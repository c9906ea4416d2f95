//! Whether an outcome is what a claim allows.
//!
//! Numbers are compared by value on the machine at hand, so that `eof` and `1page` are equal where
//! they are; addresses by what they start from and how far from it; bytes by what they say.

use crate::case::area::Areas;
use crate::case::{Bytes, Claim, Content, Expect, FileSpec, Place, Quantity, Scale, Unit};
use crate::transcript::Outcome;

/// What a case's quantities are worth on one machine.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// The machine.
    pub scale: &'a Scale,
    /// The case's file, whose declared size is `eof`.
    pub file: &'a FileSpec,
}

impl Values<'_> {
    /// Whether the claim allows the outcome.
    pub fn fits(&self, claim: &Claim, outcome: &Outcome) -> bool {
        claim.any_of.iter().any(|e| self.fits_one(e, outcome))
    }

    fn fits_one(&self, expect: &Expect, outcome: &Outcome) -> bool {
        match (expect, outcome) {
            (
                Expect::Ok,
                Outcome::Ok
                | Outcome::Value(_)
                | Outcome::Bytes(_)
                | Outcome::Elsewhere
                | Outcome::Placed(_),
            ) => true,
            (Expect::Elsewhere, Outcome::Elsewhere) => true,
            (Expect::Errno(e, signal), Outcome::Errno(own, raised)) => {
                e == own && (signal.is_none() || signal == raised)
            }
            (Expect::Value(q), Outcome::Value(own)) => self.same(q, own),
            (Expect::Range(from, to), Outcome::Value(own)) => {
                let least = from.as_ref().is_none_or(|q| self.at_most(q, own));
                least && to.as_ref().is_none_or(|q| self.at_most(own, q))
            }
            (Expect::Placed(rule), Outcome::Placed(own)) => own.contains(rule),
            (Expect::Bytes(b), Outcome::Bytes(own)) => self.same_bytes(b, own),
            (Expect::Exit(n), Outcome::Exit(own)) => n == own,
            (Expect::Blocked, Outcome::Blocked) | (Expect::Hang, Outcome::Hang) => true,
            (
                Expect::Signal {
                    signal,
                    code,
                    place,
                },
                Outcome::Fault {
                    signal: own,
                    code: own_code,
                    place: own_place,
                },
            ) => {
                signal == own
                    && code.as_ref().is_none_or(|c| c == own_code)
                    && place.as_ref().is_none_or(|p| self.same_place(p, own_place))
            }
            // A dead process tells its signal and no more.
            (Expect::Signal { signal, .. }, Outcome::Killed(own)) => signal == own,
            (
                Expect::Signal {
                    signal,
                    code: None,
                    place: None,
                },
                Outcome::Errno(_, Some(raised)),
            ) => signal == raised,
            _ => false,
        }
    }

    /// Whether the fault that is claimed at one place happened at the other. An architecture that
    /// tells the page alone can't contradict a claim about a byte in it.
    fn same_place(&self, claimed: &Place, own: &Place) -> bool {
        match (claimed, own) {
            (Place::At(a), Place::At(b)) | (Place::InPage(a), Place::InPage(b)) => self.same(a, b),
            (Place::At(byte), Place::InPage(page)) | (Place::InPage(page), Place::At(byte)) => {
                self.holds(page, byte)
            }
            (Place::Nowhere, Place::Nowhere) | (Place::Elsewhere, Place::Elsewhere) => true,
            _ => false,
        }
    }

    /// Whether the page that begins at `page` holds `byte`.
    fn holds(&self, page: &Quantity, byte: &Quantity) -> bool {
        let (page, byte) = (self.expand(page), self.expand(byte));
        let ((base, start), (other, at)) = (page.split_base(), byte.split_base());
        match (self.number(&start), self.number(&at)) {
            (Some(start), Some(at)) if base == other => {
                let end = start.saturating_add(i128::from(self.scale.page));
                (start..end).contains(&at)
            }
            _ => false,
        }
    }

    /// Whether two quantities are the same address or number here.
    fn same(&self, a: &Quantity, b: &Quantity) -> bool {
        let (a, b) = (self.expand(a), self.expand(b));
        let ((base, rest), (other, own)) = (a.split_base(), b.split_base());
        match (self.number(&rest), self.number(&own)) {
            (Some(x), Some(y)) => base == other && x == y,
            _ => a == b,
        }
    }

    /// Whether `a` is `b` at most: numbers, or counted from the same name.
    fn at_most(&self, a: &Quantity, b: &Quantity) -> bool {
        let (a, b) = (self.expand(a), self.expand(b));
        let ((base, rest), (other, own)) = (a.split_base(), b.split_base());
        match (self.number(&rest), self.number(&own)) {
            (Some(x), Some(y)) => base == other && x <= y,
            _ => false,
        }
    }

    fn same_bytes(&self, a: &Bytes, b: &Bytes) -> bool {
        let content = |bytes: &Bytes| {
            let bound = |unit: &Unit| self.eof(unit);
            bytes.content(self.scale, &bound).ok()
        };
        match (content(a), content(b)) {
            (Some(x), Some(y)) => x == y || self.same_areas(&x, &y),
            _ => a == b,
        }
    }

    /// Whether two texts tell the same areas, with their sizes spelled differently.
    fn same_areas(&self, a: &Content, b: &Content) -> bool {
        let read = |content: &Content| {
            let bytes = content.to_vec(AREAS_MAX)?;
            Areas::parse(std::str::from_utf8(&bytes).ok()?).ok()
        };
        match (read(a), read(b)) {
            (Some(x), Some(y)) => x.are(&y, &|p, q| self.same(p, q)),
            _ => false,
        }
    }

    /// The quantity with the declared size of the file put in.
    fn expand(&self, q: &Quantity) -> Quantity {
        q.with_eof(&self.file.size)
    }

    fn number(&self, q: &Quantity) -> Option<i128> {
        let bound = |unit: &Unit| self.eof(unit);
        q.value(self.scale, self.scale.word_max(), &bound).ok()
    }

    fn eof(&self, unit: &Unit) -> Option<i128> {
        let size = || self.file.size.value(self.scale, 0, &|_| None).ok();
        (*unit == Unit::Eof).then(size)?
    }
}

/// Longer byte strings than this are not read as lists of areas.
const AREAS_MAX: u64 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn fits(claim: &str, outcome: &str, size: &str, page: u64) -> bool {
        let scale = Scale::ordinary(page);
        let file = FileSpec {
            size: Quantity::parse(size).unwrap(),
            content: Bytes::default(),
        };
        let values = Values {
            scale: &scale,
            file: &file,
        };
        let outcome = Outcome::parse(outcome).unwrap();
        values.fits(&Claim::parse(claim).unwrap(), &outcome)
    }

    #[rstest]
    // What must not fit, first.
    #[case("ok", "EINVAL", false)]
    #[case("ok", "SIGBUS BUS_ADRERR at map", false)]
    #[case("ok", "killed SIGBUS", false)]
    #[case("ok", "exit 0", false)]
    #[case("ok", "blocked", false)]
    #[case("ok", "hang", false)]
    #[case("ok", "memory limit", false)]
    #[case("ok", "harness unmapped", false)]
    #[case("ok", "refused: it would hit the harness", false)]
    #[case("ok", "not reached: map", false)]
    #[case("ok", "unsaid: why", false)]
    #[case("EINVAL", "ENODEV", false)]
    #[case("EINVAL | ENODEV", "EACCES", false)]
    #[case("EINVAL", "ok", false)]
    #[case("EPIPE SIGPIPE", "EPIPE", false)]
    #[case("SIGBUS", "SIGSEGV SEGV_MAPERR at map", false)]
    #[case("SIGBUS BUS_ADRERR", "SIGBUS BUS_ADRALN at map", false)]
    #[case("SIGBUS", "killed SIGSEGV", false)]
    #[case("SIGBUS", "ok", false)]
    #[case("SIGBUS at map", "SIGBUS BUS_ADRERR at map + 1", false)]
    #[case("SIGBUS at map + 1page", "SIGBUS BUS_ADRERR in page map", false)]
    #[case("SIGBUS at map", "SIGBUS BUS_ADRERR in page map + 1page", false)]
    #[case("SIGBUS at map", "SIGBUS BUS_ADRERR at other", false)]
    #[case("SIGBUS at map", "SIGBUS BUS_ADRERR in page other", false)]
    #[case("SIGBUS nowhere", "SIGBUS BUS_ADRERR elsewhere", false)]
    #[case("SIGBUS elsewhere", "SIGBUS BUS_ADRERR at map", false)]
    #[case("SIGPIPE SI_USER", "EPIPE SIGPIPE", false)]
    #[case("exit 1", "exit 0", false)]
    #[case("exit 0", "killed SIGKILL", false)]
    #[case("SIGKILL", "exit 137", false)]
    #[case("blocked", "hang", false)]
    #[case("hang", "blocked", false)]
    #[case("1page", "1page + 1", false)]
    #[case("map", "elsewhere", false)]
    #[case("1..3", "4", false)]
    #[case("1..3", "0", false)]
    #[case("1..3", "ok", false)]
    #[case(">= 1page", "1page - 1", false)]
    #[case("<= 1page", "1page + 1", false)]
    #[case("size..size + 1page", "1page", false)]
    #[case("size..size + 1page", "size - 1", false)]
    #[case("below 2GiB", "elsewhere", false)]
    #[case("below 2GiB", "aligned 1huge", false)]
    #[case("below 2GiB", "map", false)]
    #[case("map", "below 2GiB", false)]
    #[case("1..3", "1", true)]
    #[case("1..3", "3", true)]
    #[case(">= 1page", "1page", true)]
    #[case("<= 1page", "0", true)]
    #[case("size..size + 1page", "size", true)]
    #[case("size..size + 1page", "size + 7", true)]
    #[case("below 2GiB", "below 2GiB, aligned 1huge", true)]
    #[case("ok", "below 2GiB", true)]
    #[case("map", "other", false)]
    #[case("elsewhere", "map", false)]
    #[case("x\"00\"", "x\"00 00\"", false)]
    #[case("\"a\"", "\"b\"", false)]
    #[case("1", "\"a\"", false)]
    #[case("\"rw-p 1page\"", "\"rw-p 2page\"", false)]
    #[case("\"rw-p 1page\"", "\"r--p 1page\"", false)]
    #[case("\"rw-p 1page\"", "\"<rw-p 1page\"", false)]
    #[case("\"rw-p 1page\"", "\"rw-p 1page; free 1page\"", false)]
    #[case("\"rw-s 1page +0\"", "\"rw-s 1page +1page\"", false)]
    #[case("\"rw-s 1page +0\"", "\"rw-p 1page\"", false)]
    #[case("\"rw-s 1page + 1page +1page\"", "\"rw-s 2page +1page\"", true)]
    // And what must.
    #[case("ok", "ok", true)]
    #[case("ok", "map", true)]
    #[case("ok", "4096", true)]
    #[case("ok", "x\"00\"", true)]
    #[case("ok", "elsewhere", true)]
    #[case("EINVAL | ENODEV", "ENODEV", true)]
    #[case("ok | EINVAL", "EINVAL", true)]
    #[case("EPIPE", "EPIPE SIGPIPE", true)]
    #[case("EPIPE SIGPIPE", "EPIPE SIGPIPE", true)]
    #[case("SIGPIPE", "EPIPE SIGPIPE", true)]
    #[case("SIGBUS", "SIGBUS BUS_ADRERR at map + 1page", true)]
    #[case("SIGBUS BUS_ADRERR", "SIGBUS BUS_ADRERR elsewhere", true)]
    #[case("SIGBUS", "killed SIGBUS", true)]
    #[case("SIGBUS BUS_ADRERR at map", "killed SIGBUS", true)]
    #[case("SIGBUS at map + 5", "SIGBUS BUS_ADRERR in page map", true)]
    #[case(
        "SIGBUS at map + 1page + 5",
        "SIGBUS BUS_ADRERR in page map + 1page",
        true
    )]
    #[case("SIGBUS in page map", "SIGBUS BUS_ADRERR at map + 5", true)]
    #[case("SIGSEGV SI_KERNEL nowhere", "SIGSEGV SI_KERNEL nowhere", true)]
    #[case("exit 3", "exit 3", true)]
    #[case("blocked", "blocked", true)]
    #[case("hang", "hang", true)]
    #[case("elsewhere", "elsewhere", true)]
    #[case("map | elsewhere", "elsewhere", true)]
    #[case("eof", "1page + 1", true)]
    #[case("map + eof", "map + 1page + 1", true)]
    #[case("SIGBUS at map + eof - 1", "SIGBUS BUS_ADRERR at map + 1page", true)]
    #[case("x\"00\"*4", "x\"00 00 00 00\"", true)]
    #[case("\"ab\"*2", "\"abab\"", true)]
    #[case("x\"00\"*eof", "x\"00\"*(1page + 1)", true)]
    fn claims(#[case] claim: &str, #[case] outcome: &str, #[case] expected: bool) {
        for page in [4096, 16384, 65536] {
            let fits = fits(claim, outcome, "1page + 1", page);
            assert_eq!(fits, expected, "at pages of {page}");
        }
    }

    #[test]
    fn numbers_are_compared_by_value_on_the_machine_at_hand() {
        assert!(fits("4096", "1page", "1page", 4096));
        assert!(!fits("4096", "1page", "1page", 16384));
        assert!(fits("eof", "64KiB", "1page", 65536));
        assert!(fits("eof/2", "page/2", "1page", 4096));
        assert!(fits("map + 4096", "map + 1page", "1page", 4096));
    }

    #[test]
    fn hostile_numbers_do_not_overflow() {
        let huge = "SIGBUS in page map + 0xffffffffffffffff";
        assert!(!fits(huge, "SIGBUS BUS_ADRERR at map", "1page", 4096));
        assert!(!fits("x\"00 01\"*1TiB", "x\"00\"", "1page", 4096));
        assert!(fits("x\"00 01\"*1TiB", "x\"00 01\"*1TiB", "1page", 4096));
    }
}
